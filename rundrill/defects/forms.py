"""How each way of showing is run: forms as questions to the scratch pod."""

import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from rundrill.defect import Defect, Forms, PromqlForms, RedisForms, RuleForms, Series, ShellForms, SqlForms
from rundrill.units import duration, duration_text

type Asked = dict[str, Any]
ALERT = "Form"
PROMTOOL_S = 30.0
_PSQL = "psql -XAtq -v ON_ERROR_STOP=1 -d {database} -f {file}"


def question(forms: Forms, form: str) -> Asked:
    """What the pod is asked to run for one form of shell, SQL or Redis."""
    match forms:
        case ShellForms():
            return _asked(form, forms.given, forms, forms.servers, {"postgres": forms.settings})
        case SqlForms():
            return _sql(forms, form)
        case RedisForms():
            given, run = _redis(forms.given), _redis(form)
            return _asked(run, given, forms, ("redis",), {"redis": forms.settings})
    raise AssertionError(f"{type(forms).__name__} is not run in the pod")


def _asked(
    form: str, given: str, forms: Forms, servers: tuple[str, ...], settings: Mapping[str, Any]
) -> Asked:
    return {
        "form": form,
        "given": given,
        "files": {},
        "servers": list(servers),
        "settings": dict(settings),
        "timeout": forms.lasts.total_seconds(),
    }


def _sql(forms: SqlForms, form: str) -> Asked:
    database = shlex.quote(forms.database)
    files = {"given.sql": forms.given, "form.sql": form}
    given = f"createdb {database} && " + _PSQL.format(database=database, file="given.sql")
    run = _PSQL.format(database=database, file="form.sql")
    return _asked(run, given, forms, ("postgres",), {"postgres": forms.settings}) | {"files": files}


def _redis(commands: str) -> str:
    """redis-cli says errors on stdout and ends well; `-e` makes it end with 1."""
    lines = [line.strip() for line in commands.splitlines() if line.strip()]
    return "\n".join(f"redis-cli -e {line} || code=$?" for line in lines) + "\nexit ${code:-0}\n"


def promtool(defect: Defect, form: str, gives: str) -> Asked:
    """A test for promtool, which ends with 0 where that form (`literal`, `intended`) gives what the other word says."""
    forms = defect.promql or defect.rules
    assert forms is not None
    files = _promql(forms, form, gives) if isinstance(forms, PromqlForms) else _rules(forms, form, gives)
    return {
        "form": "promtool test rules test.yaml",
        "given": "promtool check rules rules.yaml" if "rules.yaml" in files else "",
        "files": {name: yaml.safe_dump(content, sort_keys=False) for name, content in files.items()},
        "servers": [],
        "settings": {},
        "timeout": PROMTOOL_S,
    }


def _promql(forms: PromqlForms, form: str, gives: str) -> dict[str, Any]:
    samples = [{"labels": one.labels or "{}", "value": one.value} for one in getattr(forms, f"{gives}_gives")]
    asked = {"expr": getattr(forms, form), "eval_time": duration_text(forms.at), "exp_samples": samples}
    return {"test.yaml": _test(forms.interval, forms.series, [asked], [])}


def _rules(forms: RuleForms, form: str, gives: str) -> dict[str, Any]:
    rule = getattr(forms, form)
    said = {"alert": ALERT, "expr": rule.expr, "for": duration_text(rule.for_)}
    wanted = getattr(forms, f"{gives}_fires")
    if wanted == "never":
        ticks = int(forms.until / forms.interval)
        wanted = {duration_text(tick * forms.interval): 0 for tick in range(1, ticks + 1)}
    firing = f'count(ALERTS{{alertname="{ALERT}", alertstate="firing"}}) or vector(0)'
    asked = [
        {"expr": firing, "eval_time": at, "exp_samples": [{"labels": "{}", "value": count}]}
        for at, count in wanted.items()
    ]
    groups = {"groups": [{"name": "form", "interval": duration_text(forms.interval), "rules": [said]}]}
    return {"rules.yaml": groups, "test.yaml": _test(forms.interval, forms.series, asked, ["rules.yaml"])}


def _test(interval: Any, series: tuple[Series, ...], asked: list[Any], files: list[str]) -> dict[str, Any]:
    test = {
        "interval": duration_text(interval),
        "input_series": [{"series": one.series, "values": one.values} for one in series],
        "promql_expr_test": asked,
    }
    last = max((duration(one["eval_time"]) for one in asked), default=interval)
    return {"rule_files": files, "evaluation_interval": duration_text(min(interval, last)), "tests": [test]}
