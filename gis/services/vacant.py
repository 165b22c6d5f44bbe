"""Areas that a step of a release would leave without a unit: told, and refused until somebody takes it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from gis.assignment.vacancies import Side, Vacancies, Vacancy
from gis.errors import BadOption, StepRefused
from gis.services.listing import SHOWN
from gis.services.platform import Platform
from gis.services.steps import Answers
from gis.store.engine import Connection

__all__ = ["NO_UNIT", "require_units", "side", "told", "vacant_as_json"]

#: the finding: an area that would be no territory of a unit that exists
NO_UNIT: Final = "no-unit"


def side(p: Platform, connection: Connection, release_id: int | None, register: Any) -> Side:
    """One side of a step: the territories of a release, read with a register."""
    depth = p.place.level_names.index(p.place.unit_level)
    return Side(p.locator_of(connection, release_id).areas.levels[depth], register)


def vacant_as_json(found: Vacancies) -> dict[str, Any]:
    """The areas that would be without a unit as they are shown."""
    rows = [
        {
            "code": v.code,
            "name": v.name,
            "from": v.since.isoformat(),
            "unit": v.unit,
            "ended": v.ended.isoformat() if v.ended else None,
        }
        for v in found.new
    ]
    return {"new": rows, "old": found.old}


def told(v: Vacancy) -> str:
    """An area without a unit in words: from when, and whose it was."""
    was = f" ({v.unit}'s until {v.ended})" if v.ended else f" ({v.unit}'s, which is no unit then)" if v.unit else ""
    return f"{' '.join(filter(None, (v.code, v.name)))} from {v.since} on{was}"


def require_units(
    found: Vacancies, answers: Answers, step: str, *, seen: Collection[str] = (), remedy: str = ""
) -> dict[str, str]:
    """Refuse a step that leaves areas without a unit, unless that was taken with a reason: now, or of the codes `seen`
    before. Returns the findings taken now, with their reasons."""
    unknown = sorted(set(answers.accepted) - {NO_UNIT})
    if unknown:
        raise BadOption(f"--accept names {', '.join(unknown)}; wanted {NO_UNIT}:REASON, the one finding of this step.")
    new = [v for v in found.new if v.code not in seen]
    if not new or NO_UNIT in answers.accepted:
        return dict(answers.accepted) if new else {}
    shown = "\n".join(f"  {told(v)}" for v in new[:SHOWN])
    more = f"\n  … and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
    raise StepRefused(
        f"{step} would leave {len(new)} area(s) without a unit:\n{shown}{more}\n"
        f"Their reports would wait at the border desk, with no unit proposed. Choose:\n{remedy}"
        "  load territories for these areas first: gridward units load FILE --territories FILE\n"
        f"  take it as it is, with a reason: --accept {NO_UNIT}:REASON"
    )
