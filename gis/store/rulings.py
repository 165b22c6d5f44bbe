"""What persons decided: appended to decisions and events of a case, with the spot; looked up near by, and counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from gis.acts import Act
from gis.store.engine import sql_file

__all__ = [
    "add_precedent",
    "add_return",
    "add_ruling",
    "append_decision",
    "append_event",
    "balance",
    "desk_rows",
    "end_precedent",
    "move_pin",
    "near",
    "pairs",
    "precedent_rows",
    "returns_of",
    "standing",
    "would_wait",
]


def standing(connection: Connection, number: int) -> Any | None:
    """A case with its newest decision, locked until the end of the transaction; None when there is none."""
    # Locked first and read then: a statement that waits for the lock goes on with the decisions from before its wait.
    connection.execute(text("SELECT FROM cases WHERE id = :id FOR UPDATE"), {"id": number})
    return connection.execute(text(sql_file("standing_case.sql")), {"id": number}).one_or_none()


def append_event(connection: Connection, row: Any, act: Act, *, kind: str, note: str, unit: str | None) -> None:
    """Append what happened to the chain of a case and set what it is now; `kind` is its new state."""
    connection.execute(
        text(sql_file("append_event.sql")),
        {"day": row.received_on, "id": row.id, "at": act.at, "by": act.by, "kind": kind, "note": note, "unit": unit},
    )


def append_decision(connection: Connection, row: Any, act: Act, said: Mapping[str, Any]) -> int:
    """Append a person's decision: the evidence of the newest one, with another lead. Returns its number.

    `said` has unit, forward_to, scope, outcome, desk_reason, assisting.
    """
    values = {"day": row.received_on, "id": row.id, "at": act.at, "by": act.by, "reason": act.reason, **said}
    return int(connection.execute(text(sql_file("append_decision.sql")), values).scalar_one())


def add_ruling(connection: Connection, row: Any, act: Act, said: Mapping[str, Any]) -> None:
    """Keep a ruling with its spot; `said` has seq, kind, unit, evidence, x, y."""
    values = {
        "day": row.received_on,
        "id": row.id,
        "at": act.at,
        "by": act.by,
        "reason": act.reason,
        "category": row.category,
        "from_unit": row.unit or "",
        **said,
    }
    connection.execute(text(sql_file("add_ruling.sql")), values)


def move_pin(connection: Connection, row: Any, to: Mapping[str, Any]) -> None:
    """Put a case's pin elsewhere; `to` has x, y, quad, placement (list of ids), status."""
    connection.execute(text(sql_file("move_pin.sql")), {"day": row.received_on, "id": row.id, **to})


def near(connection: Connection, at: tuple[float, float], metres: float, *, limit: int) -> list[Any]:
    """Rulings within a distance of a spot, the nearest first."""
    values = {"x": at[0], "y": at[1], "metres": metres, "limit": limit}
    return list(connection.execute(text(sql_file("rulings_near.sql")), values))


def add_return(connection: Connection, row: Any, act: Act, *, reason_code: str, evidence: str, proposed: str) -> int:
    """Keep that a unit gave a case back; returns the how-manieth time that was."""
    values = {
        "day": row.received_on,
        "id": row.id,
        "at": act.at,
        "by": act.by,
        "unit": row.unit,
        "reason_code": reason_code,
        "evidence": evidence,
        "proposed": proposed,
    }
    return int(connection.execute(text(sql_file("add_return.sql")), values).scalar_one())


def returns_of(connection: Connection, day: date, number: int) -> list[Any]:
    """The returns of a case in order: nth, at, by, unit, reason_code, evidence, proposed."""
    query = "SELECT * FROM case_return WHERE received_on = :day AND case_id = :id ORDER BY nth"
    return list(connection.execute(text(query), {"day": day, "id": number}))


def pairs(connection: Connection, since: date) -> list[Any]:
    """Who gave cases back and who got them next: rows returned_by, went_to, reason_code, n."""
    return list(connection.execute(text(sql_file("return_pairs.sql")), {"since": since}))


def desk_rows(connection: Connection, *, limit: int, after: int) -> tuple[int, list[Any]]:
    """How many cases wait at the border desk, and `limit` of them, the oldest first, those after id `after`."""
    total = connection.execute(text("SELECT count(*) FROM cases WHERE state = 'border_desk'")).scalar_one()
    return int(total), list(connection.execute(text(sql_file("desk.sql")), {"limit": limit, "after": after}))


def would_wait(connection: Connection, threshold: float, since: date) -> Any:
    """Of the first decisions of reports since a day: how many, on how many days, how many below the threshold."""
    return connection.execute(text(sql_file("would_wait.sql")), {"threshold": threshold, "since": since}).one()


def balance(connection: Connection, depth: int, since: date) -> list[Any]:
    """Cases on borders of the level at `depth` (from 1) by area and by what settled them."""
    return list(connection.execute(text(sql_file("border_balance.sql")), {"depth": depth, "since": since}))


def add_precedent(connection: Connection, act: Act, said: Mapping[str, Any]) -> int:
    """Store a precedent; `said` has category, unit, assisting, evidence, day, id (None: no case), valid_from, wkb."""
    values = {"reason": act.reason, "at": act.at, "by": act.by, **said}
    return int(connection.execute(text(sql_file("add_precedent.sql")), values).scalar_one())


def end_precedent(connection: Connection, number: int, day: date, act: Act) -> bool:
    """Let a precedent hold until a day; False where there is none that holds then."""
    values = {"id": number, "day": day, "at": act.at, "by": act.by, "why": act.reason}
    return connection.execute(text(sql_file("end_precedent.sql")), values).rowcount > 0


def precedent_rows(connection: Connection, *, upto: int | None = None) -> list[Any]:
    """Every precedent, the oldest first, with its ground as WKB; with `upto`, a mark, as they were then."""
    return list(connection.execute(text(sql_file("precedents.sql")), {"upto": upto}))
