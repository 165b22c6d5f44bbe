"""A release sent back to sleep: what that changes, told before and after, and what it must not do unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from gis.acts import Act
from gis.assignment.evidence import decide
from gis.assignment.register import Register
from gis.assignment.vacancies import Vacancies, vacancies
from gis.errors import StepRefused
from gis.periods import local_day
from gis.rights import ALL
from gis.services.casework import case_no, place_again
from gis.services.impact import standing, standings
from gis.services.listing import Changed, tally
from gis.services.platform import Platform
from gis.services.steps import Answers, release_row, require_step, take_step
from gis.services.vacant import require_units, side, vacant_as_json
from gis.services.whys import matters_of
from gis.services.worlds import world_of
from gis.store import areas as store
from gis.store import registers as register_store
from gis.store import releases as records
from gis.store.engine import Connection

__all__ = ["Withdrawal", "foresee", "withdraw"]

_CHUNK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What withdrawing a release changes.

    `restored` are the cases that get the decision from before back, `left` those for a person to look at: `came_in` on
    it, `ruled` by a person or `acted_on` since, or `asked` by it at the border desk; `closed` ones stay. Where they
    would go is what the release that is in force then, `below`, says of them.
    """

    release: int
    below: int | None
    valid_from: date
    restored: Sequence[Changed] = ()
    left: Sequence[Changed] = ()
    vacant: Vacancies = field(default_factory=Vacancies)
    unmet: Sequence[str] = ()  #: areas that only this release has, and that a territory or rule names
    reopened: Sequence[str] = ()  #: areas whose territory goes on again
    awake: bool = True  #: False: it never woke, so that nothing changes

    def as_json(self) -> dict[str, Any]:
        """The withdrawal as it is shown."""
        return {
            "release": self.release,
            "below": self.below,
            "valid_from": self.valid_from.isoformat(),
            "restored": tally(self.restored),
            "left": tally(self.left),
            "no_unit": vacant_as_json(self.vacant),
            "unmet": list(self.unmet),
            "reopened": list(self.reopened),
        }


class _Row(NamedTuple):
    """A case as it is told, and the number of the decision that it gets back (0 = a person must look)."""

    id: int
    seq: int
    told: Changed


def foresee(p: Platform, release_id: int) -> Withdrawal:
    """What withdrawing a release that is awake would change, or, of one that is withdrawn, what is left to look at;
    changes nothing."""
    with p.store.begin(ALL) as connection:
        row = release_row(connection, release_id)
        register = p.register(connection, without=release_id)
        awake = row.step == "active"
        below = row.base_id if awake else store.release_on(connection, row.valid_from)
        found = list(_concerned(p, connection, row, (below, register)))
        vacant = _vacant(p, connection, row, register) if awake else Vacancies()
        return Withdrawal(
            release_id, below, row.valid_from, _told(found, back=True), _told(found, back=False), vacant,
            _unmet(connection, row, register),
        )  # fmt: skip


def withdraw(
    p: Platform, release_id: int, *, by: str, reason: str, now: datetime, answers: Answers | None = None
) -> Withdrawal:
    """Send a release back to sleep: every answer is again the one given before it woke.

    Cases that it moved get their decision back; where those for a person would go is not asked while everybody waits
    for the boundaries: `foresee` tells it afterwards. Refused below a release that was
    compared with it, and where areas would be without a unit, unless that is taken (`answers.accepted`) or their
    territories go on (`answers.reopen`).
    """
    answers, act = answers or Answers(), Act(by, now, reason)
    with p.store.begin(ALL) as connection:
        store.lock_boundaries(connection, alone=True)
        row = release_row(connection, release_id)
        require_step(row, "withdrawn")
        if row.step != "active":
            take_step(connection, release_id, "withdrawn", act)
            return Withdrawal(release_id, row.base_id, row.valid_from, awake=False)
        above = [r.id for r in store.releases(connection) if r.step == "active" and r.base_id == release_id]
        if above:
            raise StepRefused(f"Release {above[0]} rests on release {release_id}; withdraw {above[0]} first.")
        vacant, reopened = _with_units(p, connection, row, answers)
        bound = {"accepted": _taken(row, vacant, answers), "reopened": reopened}
        found = list(_concerned(p, connection, row, None))
        take_step(connection, release_id, "withdrawn", act, bound=json.dumps(bound, ensure_ascii=False))
        store.rewake(connection)
        place_again(p, connection, local_day(now, p.place.timezone))
        _take_back(connection, row, found, act)
        return Withdrawal(
            release_id, row.base_id, row.valid_from, _told(found, back=True), _told(found, back=False), vacant,
            _unmet(connection, row, p.register(connection)), reopened,
        )  # fmt: skip


def _vacant(p: Platform, connection: Connection, row: Any, register: Register) -> Vacancies:
    before = side(p, connection, row.id, p.register(connection))
    return vacancies(before, side(p, connection, row.base_id, register), row.valid_from)


def _with_units(p: Platform, connection: Connection, row: Any, answers: Answers) -> tuple[Vacancies, Sequence[str]]:
    """The areas that would be without a unit, and those whose territory goes on."""
    register = p.register(connection, without=row.id)
    vacant = _vacant(p, connection, row, register)
    ended = _ended(vacant, row.valid_from)
    if not (answers.reopen and ended):
        return vacant, []
    for chosen in reversed(records.successors(connection)):
        # an area that has its unit as a successor has no row of its own
        if chosen.successor in ended and chosen.release_id != row.id:
            ended.setdefault(chosen.ending, ended[chosen.successor])
    reopened = register_store.reopen(connection, ended)
    return _vacant(p, connection, row, p.register(connection, without=row.id)), reopened


def _ended(vacant: Vacancies, first: date) -> dict[str, date]:
    """Areas whose territory ended on the release's first day or after it, and when: such an end can be taken back."""
    return {v.code: v.ended for v in vacant.new if v.ended is not None and v.ended >= first}


def _taken(row: Any, vacant: Vacancies, answers: Answers) -> Mapping[str, str]:
    n = len(_ended(vacant, row.valid_from))
    go_on = f"  let {n} territories go on that ended with this release or since: --reopen-territories\n" if n else ""
    return require_units(vacant, answers, f"Withdrawing release {row.id}", remedy=go_on)


def _unmet(connection: Connection, row: Any, register: Register) -> list[str]:
    """Areas that only the release has, and that a territory or a rule names: it names nothing any more."""
    named = register.named_from(row.valid_from)
    return [code for code in records.ending_codes(connection, row.base_id, row.id) if code in named]


def _concerned(
    p: Platform, connection: Connection, row: Any, then: tuple[int | None, Register] | None
) -> Iterator[_Row]:
    """Every case that a withdrawal changes or leaves to a person, in order; `then` is the release and the register by
    which the latter are asked where they would go, None = they are not."""
    decided = records.decided_on(connection, row.id)
    while chunk := decided.fetchmany(_CHUNK):
        back = {case.id for case in chunk if case.before_seq and not case.stepped and not case.ruled}
        others = [case for case in chunk if case.id not in back]
        words = _answers(p, connection, then, others) if then and others else [""] * len(others)
        others_then = dict(zip((case.id for case in others), words, strict=True))
        for case in chunk:
            after = _standing_before(case) if case.id in back else others_then[case.id]
            yield _Row(case.id, case.before_seq if case.id in back else 0, _changed(p, case, after))
    for case in records.asked_by(connection, row.id):
        told = Changed(case_no(p, case.received_on, case.id), case.received_on, case.state, "border_desk",
                       standing(case), "asked")  # fmt: skip
        yield _Row(case.id, 0, told)


def _answers(
    p: Platform, connection: Connection, then: tuple[int | None, Register], cases: Sequence[Any]
) -> Sequence[str]:
    """What a release would say of cases."""
    matters = matters_of(cases)
    return standings(decide(world_of(p, connection, then[0], matters, register=then[1]), matters))


def _standing_before(case: Any) -> str:
    if case.before_outcome != "located":
        return str(case.before_outcome)
    return str(case.before_unit or case.before_forward_to or "")


def _changed(p: Platform, case: Any, after: str) -> Changed:
    whats = {
        "closed": case.state == "closed",
        "ruled": case.ruled,
        "acted_on": case.stepped,
        "came_in": not case.before_seq,
    }
    what = next((word for word, holds in whats.items() if holds), "restored")
    return Changed(case_no(p, case.received_on, case.id), case.received_on, case.state, standing(case), after, what)


def _told(found: Sequence[_Row], *, back: bool) -> list[Changed]:
    """The cases that get their decision back, or the others."""
    return [case.told for case in found if bool(case.seq) is back]


def _take_back(connection: Connection, row: Any, found: Sequence[_Row], act: Act) -> None:
    """Give the cases that the release moved the decision they had before."""
    import pandas as pd

    back = [case for case in found if case.seq]
    if back:
        frame = pd.DataFrame(
            {
                "received_on": [case.told.received_on for case in back],
                "id": [case.id for case in back],
                "seq": [case.seq for case in back],
                "note": [f"release {row.id} was withdrawn"] * len(back),
            }
        )
        records.undecide(connection, frame, act)
    counts = {"restored": len(back), "listed": len(found) - len(back)}
    records.add_effect(connection, row.id, "withdrawn", act, policy="", counts=counts)
