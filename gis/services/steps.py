"""The steps a release takes, and which may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gis.acts import Act
from gis.errors import NotFound, StepRefused
from gis.store import areas as store
from gis.store.engine import Connection

__all__ = ["STEPS", "UNNAMED", "Answers", "release_row", "require_step", "take_step"]

#: who acts when nobody was named: two unnamed people cannot be told apart, so they may both stage and approve
UNNAMED: Final = "command line"
#: step wanted -> steps it may follow
STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "approved": ("staged", "approved"),
    "active": ("approved",),
    "withdrawn": ("staged", "approved", "active"),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person answers to that which a step would leave open: who takes the place of areas that end (ending code
    -> code), findings taken with a reason, and whether territories that ended with the step before go on."""

    successors: Mapping[str, str] = field(default_factory=dict)
    accepted: Mapping[str, str] = field(default_factory=dict)
    reopen: bool = False


def release_row(connection: Connection, release_id: int) -> Any:
    """A release with its state; raises NotFound."""
    found = {row.id: row for row in store.releases(connection)}.get(release_id)
    if found is None:
        raise NotFound(f"There is no release {release_id}; `gridward boundaries list` shows those there are.")
    return found


def require_step(found: Any, step: str) -> None:
    """Raise StepRefused unless the release may take this step now."""
    if found.step not in STEPS[step]:
        raise StepRefused(
            f"Release {found.id} is {found.step}; it can become {step} only from {' or '.join(STEPS[step])}."
        )


def take_step(connection: Connection, release_id: int, step: str, act: Act, *, bound: str = "{}") -> None:
    """Append a step to a release, if it may be taken; `bound` is what an approval is for, as JSON."""
    require_step(release_row(connection, release_id), step)
    store.add_event(connection, release_id, step, act, bound=bound)
