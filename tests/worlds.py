"""A world: all that is answered about the boundaries and stored about them, without numbers that chance gives.

Two worlds are equal when no question can tell them apart. `faults` says what a half-done command would leave behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import town
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from gis.assignment.workflow import TRANSITIONS
from gis.services import boundaries
from gis.services.locating import locate
from gis.services.platform import Platform
from gis.settings import Settings
from gis.store.engine import Store

__all__ = ["DAYS", "World", "faults", "world_of"]

#: before the first release, in the first, on the second's first day, and long after
DAYS: Final = (date(2024, 12, 31), date(2025, 3, 1), date(2025, 6, 1), date(2026, 11, 2))
#: the middle of every cell of the drawing and of the ring outside, and corners where cells meet
POINTS: Final = [(c + 0.5, r + 0.5) for r in range(-1, 5) for c in range(-1, 7)] + [
    (float(n), float(n)) for n in range(5)
]

_CASES: Final = """
SELECT c.received_on, c.original_x, c.original_y, c.category, c.state, c.unit, c.status,
       ARRAY(SELECT a.level || a.code FROM unnest(c.placement) WITH ORDINALITY p(id, n) LEFT JOIN area a ON a.id = p.id
             ORDER BY p.n) AS placed,
       d.unit AS decided, d.outcome, (SELECT r.valid_from FROM release r WHERE r.id = d.release_id) AS release,
       (SELECT string_agg(e.kind || '/' || e.note, ',' ORDER BY e.seq) FROM case_event e
        WHERE e.received_on = c.received_on AND e.case_id = c.id) AS told
FROM cases c JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
) d ON true
ORDER BY 1, 2, 3, 4
"""
#: what must never be found -> the question that would find it
_FAULTS: Final = {
    "a release without exactly one staged event": """
        SELECT r.id FROM release r LEFT JOIN release_event e ON e.release_id = r.id AND e.step = 'staged'
        GROUP BY r.id HAVING count(e.id) <> 1""",
    "a release without exactly one statement of its changes": """
        SELECT r.id FROM release r LEFT JOIN release_diff d ON d.release_id = r.id
        GROUP BY r.id HAVING count(d.id) <> 1""",
    "a release woken or withdrawn twice": """
        SELECT release_id FROM release_event WHERE step IN ('active', 'withdrawn')
        GROUP BY release_id, step HAVING count(*) > 1""",
    "effects of a step that was not taken": """
        SELECT f.id FROM release_effect f WHERE NOT EXISTS
        (SELECT FROM release_event e WHERE e.release_id = f.release_id AND e.step = f.step)""",
    "an area of no release": """
        SELECT a.id FROM area a WHERE NOT EXISTS (SELECT FROM release_area m WHERE m.area_id = a.id)""",
    "an area awake that no active release holds": """
        SELECT a.id FROM area a WHERE NOT isempty(a.validity) AND NOT EXISTS (SELECT FROM release_area m
        JOIN release_state s ON s.release_id = m.release_id AND s.step = 'active' WHERE m.area_id = a.id)""",
    "two areas awake on one ground": """
        SELECT a.id FROM area a JOIN area b ON a.level = b.level AND a.id < b.id AND a.validity && b.validity
        AND ST_Relate(a.geom, b.geom, '2********')""",
    "a case whose unit is not that of its newest decision": """
        SELECT c.id FROM cases c JOIN LATERAL (SELECT unit FROM decision d WHERE d.received_on = c.received_on
        AND d.case_id = c.id ORDER BY seq DESC LIMIT 1) d ON true WHERE c.unit IS DISTINCT FROM d.unit""",
    "a case without a decision": """
        SELECT c.id FROM cases c WHERE NOT EXISTS
        (SELECT FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id)""",
    "a dispatched case without a unit, or an undecided one with one": """
        SELECT id FROM cases WHERE (state = 'dispatched' AND unit IS NULL)
        OR (state IN ('outside', 'gap', 'forwarded') AND unit IS NOT NULL)""",
    "a case in a state that does not exist": "SELECT id FROM cases WHERE NOT state = ANY(CAST(:states AS text[]))",
    "a decision on areas of another release": """
        SELECT d.case_id FROM decision d CROSS JOIN unnest(d.area_ids) u(area_id)
        WHERE u.area_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM release_area m WHERE m.release_id = d.release_id AND m.area_id = u.area_id)""",
    "a case placed in an area that is not awake": """
        SELECT c.id FROM cases c CROSS JOIN unnest(c.placement) p(area_id) JOIN area a ON a.id = p.area_id
        WHERE NOT a.validity @> CURRENT_DATE""",
    "a broken chain of events": """
        SELECT case_id FROM (SELECT *, lag(hash, 1, '\\x'::bytea) OVER w AS head, row_number() OVER w AS n
        FROM case_event WINDOW w AS (PARTITION BY received_on, case_id ORDER BY seq)) e
        WHERE n <> seq OR hash <> event_hash(head, case_id, seq, at, kind, by, note)""",
    "a case whose head is not its newest event": """
        SELECT c.id FROM cases c JOIN LATERAL (SELECT hash FROM case_event e WHERE e.received_on = c.received_on
        AND e.case_id = c.id ORDER BY seq DESC LIMIT 1) e ON true WHERE e.hash <> c.head""",
    "a key without its case": """
        SELECT k.case_id FROM case_key k WHERE NOT EXISTS (SELECT FROM cases c WHERE c.id = k.case_id)""",
}


@dataclass(frozen=True, slots=True)
class World:
    """What a database answers; `digest` is of all of it, `status` of the releases by their first days."""

    status: tuple[tuple[str, str], ...]
    members: tuple[int, ...]  #: how many areas each release holds
    digest: str


def _connected(settings: Settings) -> Any:
    options = {"options": "-c search_path=gridward,public -c timezone=UTC"}
    return create_engine(settings.database_url or "", poolclass=NullPool, connect_args=options)


def world_of(settings: Settings) -> World:
    """Ask a database everything: each point on each day at all levels, every release and every case."""
    p = Platform(settings, Store.at(settings.database_url or ""))
    try:
        listed = boundaries.releases(p)
        rank = {row["id"]: n for n, row in enumerate(listed)} | {None: None}
        answers: list[Any] = []
        for day in DAYS:
            for point in POINTS:
                x, y = town.at(*point)
                answer = locate(p, x, y, crs="EPSG:4549", at=day, accuracy=12.0)
                answers.append({**answer, "release": rank[answer["release"]]})
    finally:
        p.close()
    with _connected(settings).begin() as connection:
        connection.execute(text("SET LOCAL ROLE gridward_all"))
        ids = {row["id"]: f"release {n}" for n, row in enumerate(listed)}
        cases = [_without_ids(tuple(row), ids) for row in connection.execute(text(_CASES))]
        members = _members(connection)
    told = json.dumps([answers, cases], ensure_ascii=False, default=str)
    status = tuple((row["valid_from"], row["status"]) for row in listed)
    return World(status, members, hashlib.sha256(told.encode()).hexdigest())


def _without_ids(row: Sequence[Any], ids: dict[int, str]) -> list[str]:
    """Release numbers within notes become their rank: a rolled back attempt uses up a number."""
    words = [str(value) for value in row]
    for number, name in ids.items():
        words = [w.replace(f"release {number}:", f"{name}:").replace(f"release {number} ", f"{name} ") for w in words]
    return words


def _members(connection: Connection) -> tuple[int, ...]:
    query = (
        "SELECT count(m.area_id) FROM release r LEFT JOIN release_area m ON m.release_id = r.id "
        "GROUP BY r.id ORDER BY r.id"
    )
    return tuple(int(n) for n in connection.execute(text(query)).scalars())


def faults(settings: Settings) -> list[str]:
    """What is stored and must not be: half releases, half decisions, broken chains; empty where all is well."""
    found: list[str] = []
    with _connected(settings).begin() as connection:
        connection.execute(text("SET LOCAL ROLE gridward_all"))
        for name, query in _FAULTS.items():
            rows = connection.execute(text(query), {"states": list(TRANSITIONS)} if ":states" in query else {}).all()
            if rows:
                found.append(f"{name}: {len(rows)}, the first is {rows[0][0]}")
    return found


def positions(n: int, *, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Positions over the town and a little beyond, as reports come in."""
    chance = np.random.default_rng(seed)
    return np.array(
        [town.at(c, r) for c, r in zip(chance.uniform(-0.3, 6.3, n), chance.uniform(-0.3, 4.3, n), strict=True)]
    )
