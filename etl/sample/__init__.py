"""The synthetic sample district and its year: seeded, the same files on every machine."""

from __future__ import annotations

from etl.sample.deliver import write_boundaries
from etl.sample.year import write_year

__all__ = ["write_boundaries", "write_year"]
