"""The synthetic sample district and its year: seeded, the same files on every machine."""

from __future__ import annotations

from etl.sample.deliver import write_boundaries

__all__ = ["write_boundaries"]
