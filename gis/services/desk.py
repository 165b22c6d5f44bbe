"""What persons decide: the border desk, re-assigning, moving a pin, returns; each act with its reason and its spot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from gis.acts import Act
from gis.assignment.matters import Matters
from gis.assignment.workflow import TRANSITIONS, require_step
from gis.crs import from_working
from gis.errors import BadOption, Conflict, NotFound
from gis.limits import REASON, brief, require_short
from gis.periods import local_day
from gis.quads import encode
from gis.rights import ALL
from gis.rulings import RETURN_REASONS, Balance, Desk, DeskCase, PairOfUnits, PastRuling, Preview
from gis.services.casework import case_id, case_no
from gis.services.columns import decision_columns, table_of
from gis.services.deciding import placement
from gis.services.platform import Platform
from gis.services.positions import position_in_reach
from gis.services.worlds import decide_in
from gis.store import areas as area_store
from gis.store import registers as register_store
from gis.store import releases as records
from gis.store import rulings as store
from gis.store.engine import Connection

__all__ = [
    "NEAR_M",
    "Moved",
    "balance",
    "desk",
    "give_back",
    "move",
    "pairs",
    "past_rulings",
    "preview",
    "require_reason",
    "require_unit",
    "returns_of",
    "rule",
    "standing_case",
]

NEAR_M: Final = 150.0  #: rulings within this many metres are shown beside a case
_RETURNS_TO_DESK: Final = 2


@dataclass(frozen=True, slots=True)
class Moved:
    """What moving a pin did, or would do: who leads (or gets it forwarded) and the state, before and after."""

    case: str
    unit_before: str
    unit_after: str
    state_before: str
    state_after: str
    metres: float
    done: bool


def desk(p: Platform, *, limit: int = 50, after: str | None = None) -> Desk:
    """The cases that wait at the border desk, the oldest first, each with the rulings near by."""
    with p.store.begin(ALL) as connection:
        start = 0 if after is None else case_id(p, after)
        if start is None:
            raise BadOption(
                f"after is {after!r}, which is no case number; they look like {p.place.case_prefix}2601-0000123."
            )
        total, rows = store.desk_rows(connection, limit=limit, after=start)
        return Desk(total, [_waiting(p, connection, row) for row in rows])


def _waiting(p: Platform, connection: Connection, row: Any) -> DeskCase:
    lon, lat = from_working(np.array([row.x]), np.array([row.y]), working=p.place.crs, crs="EPSG:4326")
    listed = zip(row.candidate_areas or (), row.candidate_shares or (), row.candidate_units or (), strict=True)
    return DeskCase(
        case=case_no(p, row.received_on, row.id),
        received_at=row.received_at.astimezone(p.place.zone),
        category=row.category,
        reason=row.desk_reason,
        border_distance=row.border_distance_m,
        accuracy=row.accuracy_m,
        confidence=row.confidence,
        candidates=[{"area": area, "share": share, "unit": unit} for area, share, unit in listed],
        description=row.description,
        lon=round(float(lon[0]), 6),
        lat=round(float(lat[0]), 6),
        rulings=_past(p, connection, (row.x, row.y)),
    )


def past_rulings(p: Platform, no: str) -> list[PastRuling]:
    """Rulings near the spot of a case, the nearest first."""
    with p.store.begin(ALL) as connection:
        row = standing_case(p, connection, no)
        return _past(p, connection, (row.x, row.y))


def returns_of(p: Platform, no: str) -> list[Any]:
    """The returns of a case in order: nth, at, by, unit, reason_code, evidence, proposed."""
    with p.store.begin(ALL) as connection:
        row = standing_case(p, connection, no)
        return store.returns_of(connection, row.received_on, row.id)


def _past(p: Platform, connection: Connection, at: tuple[float, float]) -> list[PastRuling]:
    return [
        PastRuling(
            case_no(p, r.received_on, r.case_id), r.kind, r.at.astimezone(p.place.zone), r.by, r.category, r.from_unit,
            r.unit, r.reason, round(r.distance, 1), r.precedent,
        )
        for r in store.near(connection, at, NEAR_M, limit=10)
    ]  # fmt: skip


def rule(p: Platform, no: str, unit: str, act: Act, *, evidence: str = "", seen: int | None = None) -> int:
    """Give a case to a unit: at the border desk, or otherwise than the engine did. Returns the number of the decision.

    `seen` is the number of the decision that the person looked at: when another one was made since, Conflict.
    Raises BadOption without a reason or for a unit not in force, StepRefused when the case is over.
    """
    require_reason(act)
    require_short("evidence", evidence, REASON)
    with p.store.begin(ALL) as connection:
        # What a release does to open cases and what a person rules must not be done at once: the ruling would be lost.
        area_store.lock_boundaries(connection, alone=False)
        row = standing_case(p, connection, no, seen)
        external = require_unit(connection, unit, local_day(act.at, p.place.timezone)) == "external"
        state = "forwarded" if external else "dispatched"
        require_step(row.state, state)
        kind = "desk" if row.state == "border_desk" else "reassign"
        lead = None if external else unit
        said: dict[str, Any] = {
            "unit": lead,
            "forward_to": unit if external else None,
            "scope": not external,
            "outcome": "located",
            "settled_by": "person",
            "desk_reason": "",
            "assisting": [],
        }
        seq = store.append_decision(connection, row, act, said)
        store.append_event(connection, row, act, kind=state, note=f"{unit}: {act.reason}", unit=lead)
        store.add_ruling(
            connection,
            row,
            act,
            {"seq": seq, "kind": kind, "unit": unit, "evidence": evidence, "x": row.x, "y": row.y},
        )
        return seq


def move(
    p: Platform, no: str, to: tuple[float, float, str], act: Act, *, accuracy: float | None = None, commit: bool
) -> Moved:
    """Move the pin of a case to x, y in a CRS and decide it anew there; without `commit` only say what that would do.

    The decision is made on the release in force on the day of the report; the spot reported first stays in the case.
    """
    require_reason(act)
    with p.store.begin(ALL) as connection:
        area_store.lock_boundaries(connection, alone=False)
        row = standing_case(p, connection, no)
        x, y = position_in_reach(p.place, *to)
        radius = row.accuracy_m if accuracy is None else accuracy
        if not 0 < radius <= 100_000:
            raise BadOption(f"accuracy is {radius!r}; wanted metres above 0 and at most 100000.")
        matters = _matter(row, (x, y), radius)
        decided = decide_in(p, connection, area_store.release_on(connection, row.on_day), matters)
        wanted = str(decided.state[0])
        state = wanted if wanted in TRANSITIONS[row.state] else "border_desk"
        require_step(row.state, state)
        after = str(decided.rulings.unit[0] or decided.rulings.forward_to[0])
        metres = float(np.hypot(x - row.x, y - row.y))
        told = Moved(no, row.unit or row.forward_to or "", after, row.state, state, round(metres, 1), commit)
        if commit:
            _moved(p, connection, row, decided, act, told)
        return told


def _moved(p: Platform, connection: Connection, row: Any, decided: Any, act: Act, told: Moved) -> None:
    note = f"pin moved {told.metres} m: {act.reason}"
    m = decided.matters
    said = {
        "received_on": [row.received_on],
        "id": [row.id],
        "decided": [True],
        "kind": told.state_after,
        "note": note,
        "state": told.state_after,
        "reason": act.reason,
    }
    records.redecide(connection, table_of({**said, **decision_columns(decided)}, 1), act)
    here = p.locator(connection, local_day(act.at, p.place.timezone))
    placed, status = placement(here, here.locate_many(m.x, m.y))
    spot = {"x": float(m.x[0]), "y": float(m.y[0]), "quad": int(encode(m.x, m.y)[0])}
    store.move_pin(connection, row, {**spot, "placement": placed[0].as_py(), "status": str(status[0])})
    store.add_ruling(
        connection,
        row,
        act,
        {"seq": row.seq + 1, "kind": "move", "unit": told.unit_after, "evidence": "", "x": spot["x"], "y": spot["y"]},
    )


def give_back(p: Platform, no: str, reason_code: str, evidence: str, act: Act, *, proposed: str = "") -> str:
    """A unit gives its case back, with a reason and what shows it; returns the case's new state.

    The first time the dispatcher sends it on; the second time it goes to the border desk, whoever returned it before.
    """
    if reason_code not in RETURN_REASONS:
        raise BadOption(f"reason is {reason_code!r}; wanted one of {', '.join(RETURN_REASONS)}.")
    if not evidence.strip():
        raise BadOption("evidence is empty; say what shows it: a document, a photo's name, what was seen on the spot.")
    require_short("evidence", evidence, REASON)
    with p.store.begin(ALL) as connection:
        area_store.lock_boundaries(connection, alone=False)
        row = standing_case(p, connection, no)
        require_step(row.state, "returned")
        if proposed:
            require_unit(connection, proposed, local_day(act.at, p.place.timezone))
        nth = store.add_return(connection, row, act, reason_code=reason_code, evidence=evidence, proposed=proposed)
        note = f"{reason_code}: {evidence}"
        store.append_event(connection, row, act, kind="returned", note=note, unit=None)
        if nth < _RETURNS_TO_DESK:
            return "returned"
        _to_desk(connection, row, act, nth)
        return "border_desk"


def _to_desk(connection: Connection, row: Any, act: Act, nth: int) -> None:
    said = {
        "unit": row.unit,
        "forward_to": row.forward_to,
        "scope": row.scope,
        "outcome": "border_desk",
        "settled_by": "",
        "desk_reason": "returned",
        "assisting": [],
    }
    store.append_decision(connection, row, Act(act.by, act.at), said)
    store.append_event(connection, row, act, kind="border_desk", note=f"returned {nth} times", unit=None)


def preview(p: Platform, threshold: float, *, since: date) -> Preview:
    """How many of the reports decided since a day would have waited at the desk under a threshold."""
    if not 0 < threshold < 1:
        raise BadOption(f"threshold is {threshold!r}; wanted a share above 0 and below 1.")
    with p.store.begin(ALL) as connection:
        row = store.would_wait(connection, threshold, since)
        return Preview(threshold, row.looked_at, row.days, row.waiting)


def balance(p: Platform, *, since: date) -> list[Balance]:
    """Each territory's cases exactly on its borders, by what settled them."""
    depth = p.place.level_names.index(p.place.unit_level) + 1
    with p.store.begin(ALL) as connection:
        return [Balance(*row) for row in store.balance(connection, depth, since)]


def pairs(p: Platform, *, since: date) -> list[PairOfUnits]:
    """Who gave cases back and who got them next, the most frequent first."""
    with p.store.begin(ALL) as connection:
        rows = store.pairs(connection, since)
    reasons: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        reasons.setdefault((row.returned_by, row.went_to), {})[row.reason_code] = row.n
    found = [PairOfUnits(a, b, sum(why.values()), why, since) for (a, b), why in reasons.items()]
    return sorted(found, key=lambda pair: (-pair.n, pair.returned_by, pair.went_to))


def standing_case(p: Platform, connection: Connection, no: str, seen: int | None = None) -> Any:
    """A case with its newest decision, locked; `seen` is the decision that the person looked at."""
    number = case_id(p, no)
    row = store.standing(connection, number) if number is not None else None
    if row is None or case_no(p, row.received_on, row.id) != no.strip().upper():
        raise NotFound(
            f"There is no case {no!r} that you may see; case numbers look like {p.place.case_prefix}2601-0000123."
        )
    if seen is not None and seen != row.seq:
        raise Conflict(f"Case {no} was decided again since you looked at it; look at it as it is now, then decide.")
    return row


def require_unit(connection: Connection, unit: str, day: date) -> str:
    """The kind of a unit in force on a day; BadOption for another word."""
    units = [u for u in register_store.units(connection) if u.code == unit]
    for found in units:
        if found.valid_from <= day and (found.valid_to is None or day < found.valid_to):
            return found.kind
    what = "is not in force today" if units else "is no registered unit"
    raise BadOption(f"unit {brief(unit)} {what}; `gridward units load` registers units.")


def require_reason(act: Act) -> None:
    """BadOption for an act without a reason."""
    if not act.reason.strip():
        raise BadOption("reason is empty; say why, in words that end the quarrel: it is kept with the case.")


def _matter(row: Any, at: tuple[float, float], accuracy: float) -> Matters:
    def one(value: Any, kind: Any = object) -> Any:
        return np.array([value], dtype=kind)

    return Matters(
        x=one(at[0], float),
        y=one(at[1], float),
        accuracy=one(accuracy, float),
        level=one(row.accuracy_level, float),
        category=one(row.category),
        source=one(row.source),
        day=np.array([row.on_day], dtype="datetime64[D]"),
        minute=one(row.minute, np.int64),
        part=one(row.part),
    )
