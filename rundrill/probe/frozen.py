"""What every word of a probe is made of, and how it says where it looks."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value of the policy: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Inside(Frozen):
    """The pods that something is asked from: each that is there and not on its way out."""

    namespace: str
    selector: str
    container: str | None = None


def exactly_one(model: BaseModel, *names: str) -> None:
    """ValueError unless exactly one of these keys is there."""
    said = [name for name in names if getattr(model, name) not in (None, (), False)]
    if len(said) != 1:
        raise ValueError(f"found {' and '.join(said) or 'none'} of {', '.join(names)}, expected exactly one")
