"""A defect of a runbook as the policy keeps it: what is said, what a measurement shows, the mended form, and how it is shown."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from rundrill.probe import Expectation
from rundrill.promise import Frozen
from rundrill.units import Duration, Quantity


def _expectation(said: object) -> object:
    """`exit: 0` is short for `exit: {equals: 0}`."""
    return {"equals": said} if isinstance(said, str | int | float | bool) else said


Gives = Annotated[
    dict[
        Literal["exit", "stdout", "stderr", "lines", "took", "timed_out"],
        Annotated[Expectation, BeforeValidator(_expectation)],
    ],
    Field(min_length=1),
]
"""Facts of a form that was run: exit, stdout, stderr (without blanks at the ends), lines (of stdout), took (seconds), timed_out."""
type Setting = dict[str, str | int | float | bool]


class Forms(Frozen):
    """A literal form and an intended one, each run where nothing else is, after the same beginning."""

    given: str = ""
    literal: str
    intended: str
    literal_gives: Gives
    intended_gives: Gives
    lasts: Duration = Field(default="20s", validate_default=True)
    """A form that takes longer is ended: timed_out is true, exit 124."""

    @model_validator(mode="after")
    def _differ(self) -> "Forms":
        if self.literal_gives == self.intended_gives:
            raise ValueError("literal_gives and intended_gives are the same, so nothing would be shown")
        if not self.literal.strip() or not self.intended.strip():
            raise ValueError("literal and intended must each say what is run")
        if self.lasts > timedelta(minutes=3):
            raise ValueError("lasts is more than 3m; a row must be shown in seconds")
        return self


class ShellForms(Forms):
    """bash scripts in a scratch pod, each in an empty directory of its own; `servers` are there for it alone."""

    servers: tuple[Literal["postgres", "redis", "kafka"], ...] = ()
    settings: Setting = Field(default_factory=dict)
    """Of that PostgreSQL, such as {shared_preload_libraries: pg_stat_statements}."""


class SqlForms(Forms):
    """psql scripts in a scratch PostgreSQL; stdout is unaligned, without headings, and the first error ends it."""

    database: str = "scratch"
    """Made for it; `given`, `literal` and `intended` run in it."""
    settings: Setting = Field(default_factory=dict)


class RedisForms(Forms):
    """redis-cli commands, one a line, in a scratch Redis."""

    settings: Setting = Field(default_factory=dict)


class KubectlForms(Forms):
    """bash scripts with kubectl in scratch namespaces; `given` is YAML of objects that are there before."""

    namespaces: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names that the forms use (`-n shop`); each stands for a scratch one. Without `-n` it is `default`'s, which is one too."""
    ready: str = ""
    """A script that waits until the given objects are as they should be."""


class Series(Frozen):
    """An input series in promtool's notation, such as `up{job="shop"}` and `1+0x10`."""

    series: str
    values: str


class Sample(Frozen):
    """One sample that an expression gives."""

    labels: str = ""
    """As Prometheus prints them, such as `up{job="shop"}`; nothing where there are none."""
    value: float


class PromqlForms(Frozen):
    """Two expressions over the same series, read by promtool at one moment."""

    series: tuple[Series, ...] = ()
    interval: Duration = Field(default="1m", validate_default=True)
    at: Duration
    literal: str
    intended: str
    literal_gives: tuple[Sample, ...]
    """Nothing (`[]`) is an answer too."""
    intended_gives: tuple[Sample, ...]

    @model_validator(mode="after")
    def _differ(self) -> "PromqlForms":
        if self.literal_gives == self.intended_gives:
            raise ValueError("literal_gives and intended_gives are the same, so nothing would be shown")
        return self


class Rule(Frozen):
    """An alerting rule."""

    expr: str
    for_: Annotated[Duration, Field(alias="for")] = timedelta(0)


class RuleForms(Frozen):
    """Two alerting rules over the same series, run by promtool."""

    series: Annotated[tuple[Series, ...], Field(min_length=1)]
    interval: Duration = Field(default="1m", validate_default=True)
    """Between samples, and between evaluations."""
    until: Duration
    literal: Rule
    intended: Rule
    literal_fires: Literal["never"] | dict[str, int]
    """`never`, or how many alerts fire at which time: {5m: 0, 10m: 1}."""
    intended_fires: Literal["never"] | dict[str, int]

    @model_validator(mode="after")
    def _differ(self) -> "RuleForms":
        if self.literal_fires == self.intended_fires:
            raise ValueError("literal_fires and intended_fires are the same, so nothing would be shown")
        return self


class Side(Frozen):
    """One figure of the text: what it is, and its value, or the figures that it is the sum or product of."""

    says: str
    value: Quantity | None = None
    sum: tuple[Quantity, ...] = ()
    product: tuple[Quantity, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> "Side":
        if sum(((self.value is not None), bool(self.sum), bool(self.product))) != 1:
            raise ValueError("expected exactly one of value, sum, product")
        return self


class Numbers(Frozen):
    """Two figures of the text that contradict each other: shown where `left must_be right` does not hold."""

    left: Side
    must_be: Literal["<", "<=", "=", ">=", ">"]
    right: Side
    unit: Literal["", "time", "share", "size"] = ""
    """How the figures are printed; a plain count where nothing is said."""


class Drilled(Frozen):
    """Shown by a run of the promise that carries the runbook's own form as `literal`."""

    promise: str


class Defect(Frozen):
    """One defect; exactly one block says how it is shown."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]
    number: Annotated[int, Field(ge=0)]
    """Its place in the list that the rows were taken from."""
    where: Annotated[str, Field(min_length=1)]
    says: Annotated[str, Field(min_length=1)]
    shows: Annotated[str, Field(min_length=1)]
    mended: Annotated[str, Field(min_length=1)]
    promises: tuple[str, ...] = ()
    shell: ShellForms | None = None
    kubectl: KubectlForms | None = None
    sql: SqlForms | None = None
    redis: RedisForms | None = None
    promql: PromqlForms | None = None
    rules: RuleForms | None = None
    numbers: Numbers | None = None
    drilled: Drilled | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Defect":
        said = [way for way in WAYS if getattr(self, way) is not None]
        if len(said) != 1:
            found = " and ".join(said) or "nothing that shows it"
            raise ValueError(f"found {found}, expected exactly one of {', '.join(WAYS)}")
        return self

    @property
    def way(self) -> str:
        """The name of the one block that is there."""
        return next(way for way in WAYS if getattr(self, way) is not None)


WAYS = ("shell", "kubectl", "sql", "redis", "promql", "rules", "numbers", "drilled")


class Defects(Frozen):
    """One file of defects: those of one runbook."""

    runbook: str
    defects: tuple[Defect, ...]
