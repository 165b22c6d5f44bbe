"""A finding: one thing noticed about a delivery, with its weight, its place on the ground, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["Finding", "Severity", "shortened"]

Severity = Literal["error", "warning", "note"]
_SHOWN: Final = 20  #: findings of one kind and level listed one by one; the rest as one line with their number


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: `kind` is the word for --accept; x, y (working CRS, metres) where it is, NaN when nowhere.

    An error blocks, a warning blocks until it is accepted with a reason, a note does not. `shape` is the ground it is
    about (an overlap, a gap) where there is one, `area_m2` and `width_m` its size.
    """

    kind: str
    severity: Severity
    level: str
    code: str
    text: str
    x: float = float("nan")
    y: float = float("nan")
    shape: Any = None
    area_m2: float | None = None
    width_m: float | None = None


def shortened(found: Iterable[Finding]) -> Iterator[Finding]:
    """The first of each kind and severity one by one, the rest as one line with their number and their ground."""
    seen: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        group = seen.setdefault((finding.kind, finding.severity), [])
        group.append(finding)
        if len(group) <= _SHOWN:
            yield finding
    for group in seen.values():
        rest = group[_SHOWN:]
        if rest:
            ground = sum(f.area_m2 or 0.0 for f in rest)
            words = f", {ground:,.1f} m² together" if ground else ""
            text = f"… and {len(rest)} more of this kind{words}; {len(group)} in all."
            yield Finding(rest[0].kind, rest[0].severity, rest[0].level, "", text)
