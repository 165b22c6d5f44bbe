"""Every error Gridward raises, in one tree.

    GridwardError                       exit 1
    ├── UsageFault                      a caller's fault; exit 2, HTTP 400
    │   ├── BadOption                   an option or parameter has a wrong value
    │   └── SettingsFault               a setting or the place file is wrong
    ├── NotFound                        HTTP 404
    ├── Conflict                        what is stored contradicts what was sent; HTTP 409
    │   └── StepRefused                 a release or case may not take this step now
    ├── RightsRefused                   HTTP 403
    ├── TooLarge                        HTTP 413
    ├── DataFault                       what came in cannot be used; HTTP 422
    │   ├── UnknownCrs                  a coordinate reference system is missing, unknown or refused
    │   ├── UnknownCategory             a category is missing, unknown or not in force
    │   ├── FileFault                   a file as a whole cannot be used: nothing of it is stored
    │   └── DeliveryFault               a delivery of boundaries has errors; carries the findings
    └── SystemFault                     HTTP 503
        ├── DatabaseMissing             no PostgreSQL/PostGIS installation was found
        └── DatabaseDown                the database does not answer

A message says what was found, what was wanted and what to do, for the person who reads it at night.
"""

from __future__ import annotations

__all__ = [
    "BadOption",
    "Conflict",
    "DataFault",
    "DatabaseDown",
    "DatabaseMissing",
    "DeliveryFault",
    "FileFault",
    "GridwardError",
    "NotFound",
    "RightsRefused",
    "SettingsFault",
    "StepRefused",
    "SystemFault",
    "TooLarge",
    "UnknownCategory",
    "UnknownCrs",
    "UsageFault",
]


class GridwardError(Exception):
    """Base of everything Gridward raises on purpose."""

    exit_code = 1


class UsageFault(GridwardError):
    """The caller asked wrongly; asking again in the same way fails again."""

    exit_code = 2


class BadOption(UsageFault):
    """An option of a command or a parameter of a request has a value it cannot have."""


class SettingsFault(UsageFault):
    """A setting or the place file has a wrong or missing value."""


class NotFound(GridwardError):
    """The case, release, area or unit asked for does not exist, or not for this person."""


class Conflict(GridwardError):
    """What is stored already contradicts what was sent."""


class StepRefused(Conflict):
    """A release or a case may not take this step from the state it is in."""


class RightsRefused(GridwardError):
    """This person may not do this."""


class TooLarge(GridwardError):
    """What was sent is over a stated limit."""


class DataFault(GridwardError):
    """What came in cannot be used as it is."""


class UnknownCrs(DataFault):
    """A coordinate reference system is missing, unknown, or cannot be transformed without guessing."""


class UnknownCategory(DataFault):
    """A report's category is unknown, or not in force on its day."""


class FileFault(DataFault):
    """A file as a whole cannot be used; nothing of it was stored."""


class DeliveryFault(DataFault):
    """A delivery of boundaries has errors; nothing of it was stored."""


class SystemFault(GridwardError):
    """Something this machine should provide is missing or does not answer."""


class DatabaseMissing(SystemFault):
    """No usable PostgreSQL with PostGIS was found on this machine."""


class DatabaseDown(SystemFault):
    """The database was found but does not answer."""
