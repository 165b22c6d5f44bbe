"""What a release does to what is at work: from unit to unit for open cases and parts, and who names areas that end."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from gis.acts import Act
from gis.areas import AreaSet
from gis.assignment.evidence import Decisions, decide
from gis.assignment.locator import Locator
from gis.assignment.matters import Matters
from gis.assignment.places import REACH_M
from gis.assignment.register import Register
from gis.assignment.uncertainty import REACH
from gis.assignment.vacancies import Vacancies, vacancies
from gis.assignment.workflow import TRANSITIONS
from gis.errors import BadOption
from gis.services.casework import case_no
from gis.services.columns import decision_columns, table_of
from gis.services.listing import Changed, pairs, tally
from gis.services.platform import Platform
from gis.services.precedents import touched
from gis.services.vacant import side, vacant_as_json
from gis.services.worlds import features_of, world_of
from gis.store import areas as area_store
from gis.store import releases as records
from gis.store.engine import Connection

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "POLICIES",
    "Impact",
    "apply",
    "measure",
    "proposed_successors",
    "require_policy",
    "standing",
    "standings",
]

#: what becomes of open cases whose answer changes; default: who has not been sent out yet moves, who has been keeps it
POLICIES: Final = ("default", "keep", "move", "ask")
_WAITING: Final = ("border_desk", "outside", "gap")


@dataclass(frozen=True, slots=True, eq=False)
class Impact:
    """Open cases whose unit or outcome would change, as columns with their new decision, and the counts of it.

    `units` and `parts` count from unit -> to unit ('' = none, `desk`, `outside` and `gap` by their words).
    """

    release_id: int
    base_id: int | None
    valid_from: date
    looked_at: int
    rows: Sequence[Any]  #: the affected cases as they stand
    decided: Decisions | None  #: of the affected cases, in the order of `rows`
    units: Mapping[tuple[str, str], int]
    parts: Mapping[tuple[str, str], int]
    ending: Sequence[str]  #: area codes that end while a territory or rule names them
    proposed: Mapping[str, str]  #: ending code -> successor, from the lineage
    precedents: Sequence[int]  #: precedents in force whose ground meets ground that changes
    vacant: Vacancies  #: areas that would be without a unit
    cases: Sequence[Changed]  #: the affected cases as they are told, in the order of `rows`

    def as_json(self) -> dict[str, Any]:
        """The impact as it is shown; lists sorted by number, the largest first."""
        told = tally(self.cases)
        return {
            "release": self.release_id,
            "base": self.base_id,
            "looked_at": self.looked_at,
            "open_cases": told["units"],
            "states": told["states"],
            "first_cases": told["first"],
            "parts": pairs(self.parts),
            "ending": [{"code": code, "successor": self.proposed.get(code)} for code in self.ending],
            "precedents": list(self.precedents),
            "no_unit": vacant_as_json(self.vacant),
        }

    def digest(self) -> str:
        """What an approval is bound to: the named areas that end, and who takes their place.

        Not the cases: under a steady flow of reports each new one would make it lapse; they are counted anew at waking.
        """
        told = [list(self.ending), sorted(self.proposed.items())]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def measure(
    p: Platform, connection: Connection, release_id: int, *, chosen: Mapping[str, str], everything: bool = False
) -> Impact:
    """What waking a release would change; `chosen` are successors (ending code -> code) not yet stored.

    `everything` decides every open case anew instead of the candidates: slow, and the judge of the tests.
    """
    row = next(r for r in area_store.releases(connection) if r.id == release_id)
    old, new = p.locator_of(connection, row.base_id), p.locator_of(connection, release_id)
    depth = p.place.level_names.index(p.place.unit_level)
    ground = _differing_ground(old.areas, new.areas, depth)
    ground = _joined(ground, _differing_places(p, connection, row.base_id, release_id))
    changed = None if ground is None else shapely.to_wkb(ground)
    if everything:
        changed = shapely.to_wkb(shapely.box(-1e8, -1e8, 1e8, 1e8))
    rows = records.candidates(connection, release_id, changed=changed, reach=REACH, lines=_other_lines(connection, row))
    before = p.register(connection)
    ending = _ending(connection, row, before)
    proposed = _proposed(records.lineage(connection, release_id) if ending else [], ending) | {
        k: v for k, v in chosen.items() if k in ending
    }
    register = before.succeeded([(a, b, row.valid_from) for a, b in proposed.items()])
    sides = (side(p, connection, row.base_id, before), side(p, connection, release_id, register))
    decisions = _decide_again(p, connection, release_id, register, rows, row.valid_from)
    affected = _affected(rows, decisions)
    kept = [rows[i] for i in affected]
    again = _decide_again(p, connection, release_id, register, kept, row.valid_from)
    cases = [
        Changed(case_no(p, r.received_on, r.id), r.received_on, r.state, standing(r), after, "changes")
        for r, after in zip(kept, standings(again), strict=True)
    ]
    units = Counter((case.before, case.after) for case in cases)
    parts = _parts(connection, ground, (old, new), register, (depth, row.valid_from))
    held = touched(register.precedents, ground, row.valid_from)
    return Impact(
        release_id, row.base_id, row.valid_from, len(rows), kept, again, units, parts, ending, proposed, held,
        vacancies(*sides, row.valid_from), cases,
    )  # fmt: skip


def _differing_ground(old: AreaSet, new: AreaSet, depth: int) -> Any | None:
    """Ground on which the unit level of two releases differs in shape; None where it does not."""
    a, b = old.levels[depth], new.levels[depth]
    gone, come = ~np.isin(a.ids, b.ids), ~np.isin(b.ids, a.ids)
    if not gone.any() and not come.any():
        return None
    by_code = dict(zip(b.codes[come], b.geometry[come], strict=True))
    pieces = [
        shapely.symmetric_difference(geometry, by_code[code])
        for code, geometry in zip(a.codes[gone], a.geometry[gone], strict=True)
        if code in by_code
    ]
    pieces.append(
        shapely.symmetric_difference(shapely.union_all(a.geometry[gone]), shapely.union_all(b.geometry[come]))
    )
    ground = shapely.union_all([piece for piece in pieces if not piece.is_empty])
    return None if ground.is_empty else ground


def _differing_places(p: Platform, connection: Connection, old: int | None, new: int) -> Any | None:
    """Ground of map features that only one of two releases has, where rules name places at all."""
    words = {rule.place.partition(":")[0] for rule in p.register(connection).rules if rule.place}
    sides = [
        {
            (f.layer, f.code, shapely.to_wkb(f.geometry)): shapely.buffer(
                f.geometry, (f.width_m or 2.0 * REACH_M) / 2.0 + 1.0
            )
            for f in features_of(p, connection, release)
            if f.layer in words
        }
        for release in (old, new)
    ]
    pieces = [sides[a][key] for a, b in ((0, 1), (1, 0)) for key in sides[a].keys() - sides[b].keys()]
    return shapely.union_all(pieces) if pieces else None


def _other_lines(connection: Connection, row: Any) -> float | None:
    """The accuracy of a release's lines where the release below has another one."""
    mine = area_store.line_accuracy(connection, row.id)
    below = None if row.base_id is None else area_store.line_accuracy(connection, row.base_id)
    return None if mine == below else mine


def _joined(a: Any | None, b: Any | None) -> Any | None:
    return shapely.union(a, b) if a is not None and b is not None else (b if a is None else a)


def proposed_successors(connection: Connection, release_id: int, register: Register) -> dict[str, str]:
    """Ending code -> the area that would take its place, by the lineage of a release that is not awake yet."""
    row = next(r for r in area_store.releases(connection) if r.id == release_id)
    ending = _ending(connection, row, register)
    return _proposed(records.lineage(connection, release_id) if ending else [], ending)


def _ending(connection: Connection, row: Any, register: Register) -> list[str]:
    """Areas that end while a territory or rule names them: by itself, or as the successor of one that ended before."""
    named = register.named_from(row.valid_from)
    return [code for code in records.ending_codes(connection, row.id, row.base_id) if code in named]


def _proposed(lineage: Sequence[Sequence[Any]], ending: Sequence[str]) -> dict[str, str]:
    """The successor that took the most of an ending area's ground."""
    best: dict[str, tuple[float, str]] = {}
    for old, new, share in lineage:
        if old in ending and (share, new) > best.get(old, (0.0, "")):
            best[old] = (share, new)
    return {old: new for old, (_, new) in best.items()}


def _decide_again(
    p: Platform, connection: Connection, release_id: int, register: Register, rows: Sequence[Any], first: date
) -> Decisions | None:
    if not rows:
        return None

    def column(name: str, kind: Any) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=kind)

    matters = Matters(
        x=column("x", float),
        y=column("y", float),
        accuracy=column("accuracy_m", float),
        level=column("accuracy_level", float),
        category=column("category", object),
        source=column("source", object),
        day=np.array([max(row.received_on, first) for row in rows], dtype="datetime64[D]"),
        minute=column("minute", np.int64),
        part=column("part_picked", object),
    )
    return decide(world_of(p, connection, release_id, matters, register=register), matters)


def _affected(rows: Sequence[Any], d: Decisions | None) -> list[int]:
    if d is None:
        return []
    new = zip(d.rulings.unit, d.rulings.forward_to, d.outcome, strict=True)
    return [
        i
        for i, (row, answer) in enumerate(zip(rows, new, strict=True))
        if (row.unit or "", row.forward_to or "", row.outcome) != answer
    ]


def standing(row: Any) -> str:
    """Who has a case by its decision: a unit, or `border_desk`, `outside`, `gap`."""
    return str(row.outcome if row.outcome != "located" else row.unit or row.forward_to or "")


def standings(d: Decisions | None) -> list[str]:
    """Who would have each matter by these decisions, in the same words."""
    if d is None:
        return []
    units = np.where(d.rulings.unit != "", d.rulings.unit, d.rulings.forward_to)
    return [str(u) if o == "located" else str(o) for u, o in zip(units, d.outcome, strict=True)]


def _parts(
    connection: Connection,
    ground: Any | None,
    locators: tuple[Locator, Locator],
    register: Register,
    at: tuple[int, date],
) -> Mapping[tuple[str, str], int]:
    """Parts on changed ground by the unit of their territory before and after."""
    if ground is None:
        return {}
    depth, day = at
    x, y = records.parts_on(connection, shapely.to_wkb(ground), day)
    territory = register.holders(day)
    sides = []
    for locator in locators:
        areas = locator.areas.levels[depth]
        answer = locator.locate_many(x, y).levels[depth]
        codes = np.append(areas.codes, "")[np.where(answer.index >= 0, answer.index, len(areas.codes))]
        sides.append([territory.get(code, "") for code in codes])
    return Counter((a, b) for a, b in zip(*sides, strict=True) if a != b)


def require_policy(policy: str) -> None:
    """Raise BadOption for a policy that is none."""
    if policy not in POLICIES:
        raise BadOption(f"--open-cases is {policy!r}; wanted one of {', '.join(POLICIES)}.")


def apply(connection: Connection, impact: Impact, act: Act, *, policy: str) -> dict[str, int]:
    """Do to the affected cases what the policy says; returns how many moved, kept, and wait for a person."""
    counts = {"moved": 0, "kept": 0, "asked": 0}
    if impact.decided is not None:
        actions = [_action(row.state, policy) for row in impact.rows]
        counts |= Counter(actions)
        records.redecide(connection, _redecisions(impact, actions), act)
    records.add_effect(connection, impact.release_id, "active", act, policy=policy, counts=counts)
    return counts


def _action(state: str, policy: str) -> str:
    if policy == "default":
        return "moved" if state in _WAITING else "kept"
    return {"keep": "kept", "move": "moved", "ask": "asked"}[policy]


def _redecisions(impact: Impact, actions: Sequence[str]) -> pa.Table:
    d, rows = impact.decided, impact.rows
    states = [str(s) if s in TRANSITIONS[row.state] else "border_desk" for row, s in zip(rows, d.state, strict=True)]  # type: ignore[union-attr]
    would = standings(d)
    now = [
        {"moved": new, "kept": row.state, "asked": "border_desk"}[action]
        for action, new, row in zip(actions, states, rows, strict=True)
    ]
    said = {
        "received_on": [row.received_on for row in rows],
        "id": [row.id for row in rows],
        "decided": [a == "moved" for a in actions],
        "kind": [now[i] if a != "kept" else "boundary" for i, a in enumerate(actions)],
        "note": [f"release {impact.release_id}: {standing(row)} -> {w}" for row, w in zip(rows, would, strict=True)],
        "state": now,
    }
    return table_of({**said, **decision_columns(d)}, len(rows))  # type: ignore[arg-type]
