"""What a promise expects of one fact."""

from pydantic import model_validator

from rundrill.probe.frozen import Frozen
from rundrill.units import Duration, Pattern, Quantity


class Expectation(Frozen):
    """What one fact must be; every key that is there must hold. `1s`, `85%`, `256Mi` are read in seconds, shares, bytes."""

    equals: str | int | float | bool | None = None
    same_as: str | None = None
    """The name of another fact of the same reading."""
    at_least: Quantity | None = None
    at_most: Quantity | None = None
    below: Quantity | None = None
    above: Quantity | None = None
    matches: Pattern | None = None
    """Searched, not matched from the start."""
    younger_than: Duration | None = None
    """For facts in seconds."""

    @model_validator(mode="after")
    def _some(self) -> "Expectation":
        if not self.model_fields_set:
            raise ValueError(f"expects nothing; say {', '.join(type(self).model_fields)}")
        # An expectation of nothing would hold for whatever is found.
        for name in type(self).model_fields:
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} is empty")
        return self
