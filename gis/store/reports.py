"""One report at a time, in one journey to the server: its locks, what is known of its key, and its storing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from gis.acts import Act
from gis.store.engine import Prepared, Question, sql_file

__all__ = ["Filing"]

_BEFORE: Final = sql_file("before_report.sql")
#: Each statement sees what was committed when the locks before it were taken. The last one stores the report if what it
#: was decided by still holds and its key is new; it tells what holds, what has the key, and the id of the case added.
_LOCK_KEY: Final = Prepared(
    "lock_key", "SELECT pg_advisory_xact_lock(320404003, hashtext(:namespace))", {"namespace": "text"}
)
_STATEMENTS: Final = (
    Prepared("lock_and_open", "SELECT pg_advisory_xact_lock_shared(320404002), open_month(:day)", {"day": "date"}),
    Prepared(
        "add_case",
        sql_file("add_case.sql")
        .replace("{before}", f"before AS ({_BEFORE}), ")
        .replace(
            "{staged}",
            f"(SELECT s.* FROM before b, jsonb_to_record(:row) AS s ({sql_file('case_columns.sql')}) "
            "WHERE b.version = :version AND b.newest_part = :newest_part AND b.case_id IS NULL) s",
        )
        .replace("{told}", "b.*, (SELECT id FROM given) AS added FROM before b"),
        {
            "namespace": "text", "key": "text", "version": "bigint", "newest_part": "bigint", "row": "jsonb",
            "by": "text", "at": "timestamptz", "srid": "integer",
        },
    ),
)  # fmt: skip


class Filing:
    """A report of a client (namespace, key) received on a day, on its way to become a case."""

    def __init__(self, client: tuple[str, str] | None, day: date, act: Act, *, srid: int) -> None:
        namespace, key = client or (None, None)
        self._statements = (_LOCK_KEY, *_STATEMENTS) if client else _STATEMENTS
        self._values = {"namespace": namespace, "key": key, "day": day, "by": act.by, "at": act.at, "srid": srid}

    def question(self, row: Mapping[str, Any], *, version: int | None, newest_part: int | None) -> Question:
        """To store the report as decided by these versions of registers and parts: `row` as one of
        `case_columns.sql` with lists for arrays. Without versions nothing is stored.

        The answer: version, newest_part as they are; digest, received_on, case_id of the client's key, where it is
        stored already; added: the id of the new case, None where other versions count or the key is stored.
        """
        said = json.dumps({name: v for name, v in row.items() if v is not None}, default=str, ensure_ascii=False)
        return Question(self._statements, {**self._values, "row": said, "version": version, "newest_part": newest_part})
