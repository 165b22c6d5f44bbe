"""The life of a case as one table: which state may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gis.errors import StepRefused

__all__ = ["STATES", "TRANSITIONS", "require_step"]

#: state -> the states that may follow
TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    "reported": frozenset({"dispatched", "border_desk", "forwarded", "outside", "gap"}),
    "dispatched": frozenset({"dispatched", "border_desk", "forwarded", "returned", "closed"}),
    # given back by its unit with a reason: the dispatcher sends it on, the second time the border desk decides
    "returned": frozenset({"dispatched", "border_desk", "forwarded", "closed"}),
    # nearer to a border than its accuracy: a person decides
    "border_desk": frozenset({"dispatched", "forwarded", "border_desk", "closed"}),
    # not ours to handle: the unit it went to answers, we only note the end
    "forwarded": frozenset({"dispatched", "forwarded", "border_desk", "closed"}),
    # outside every area or in a gap of the coverage: a person places it, or it ends
    "outside": frozenset({"dispatched", "forwarded", "border_desk", "outside", "gap", "closed"}),
    "gap": frozenset({"dispatched", "forwarded", "border_desk", "outside", "gap", "closed"}),
    "closed": frozenset(),
}
STATES: Final = tuple(TRANSITIONS)


def require_step(found: str, wanted: str) -> None:
    """Raise StepRefused unless `wanted` may follow `found`.

    >>> require_step("closed", "dispatched")
    Traceback (most recent call last):
    ...
    gis.errors.StepRefused: The case is closed, from which dispatched cannot follow; nothing may.
    """
    allowed = TRANSITIONS[found]
    if wanted not in allowed:
        may = "only " + ", ".join(sorted(allowed)) + " may" if allowed else "nothing may"
        raise StepRefused(f"The case is {found}, from which {wanted} cannot follow; {may}.")
