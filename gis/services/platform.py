"""The running platform: settings, store, and the locators built so far. One per process, made after a fork."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import date
from typing import Any, Final, TypeVar, cast

import shapely

from gis.assignment.locator import Locator
from gis.assignment.register import Register
from gis.place import Place
from gis.rights import ALL
from gis.rules import Precedent
from gis.settings import Settings
from gis.store import areas as area_store
from gis.store import registers as register_store
from gis.store import releases as release_store
from gis.store import rulings as ruling_store
from gis.store.cluster import Cluster
from gis.store.engine import Connection, Store
from gis.store.places import claim

__all__ = ["Platform", "open_platform"]

T = TypeVar("T")
_DAYS_KEPT: Final = 64


class Platform:
    """What every service takes first. Threads share it; nothing is opened before the first use."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._building: dict[Hashable, threading.Lock] = {}
        self._latest: dict[date, int | None] = {}  #: the release that readers of a day were answered from

    @property
    def place(self) -> Place:
        return self.settings.place

    @property
    def srid(self) -> int:
        """The number of the working CRS."""
        return int(self.place.crs.removeprefix("EPSG:"))

    def ping(self) -> None:
        """Raise DatabaseDown unless the database answers; SettingsFault when it holds another place."""
        with self.store.begin(ALL) as connection:
            claim(connection, self.place)

    def close(self) -> None:
        self.store.close()

    def kept(self, key: Hashable) -> Any | None:
        """What was made for a key, None where nothing was or it was let go."""
        with self._lock:
            return self._kept.get(key)

    def hold(self, key: Hashable, value: Any) -> None:
        """Keep a value in place of the one that the key had."""
        with self._lock:
            self._kept[key] = value

    def keep(self, key: Hashable, make: Callable[[], T], *, at_most: int = 64) -> T:
        """The value made once for a key; the longest unused of `at_most` values is let go."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(T, self._kept[key])
            gate = self._building.setdefault(key, threading.Lock())
        with gate:  # two threads that want the same locator build it once
            with self._lock:
                if key in self._kept:
                    return cast(T, self._kept[key])
            value = make()
            with self._lock:
                self._kept[key] = value
                self._building.pop(key, None)
                while len(self._kept) > at_most:
                    self._kept.popitem(last=False)
            return value

    def locator(self, connection: Connection, day: date) -> Locator:
        """The locator of the release in force on `day`."""
        return self.locator_of(connection, area_store.release_on(connection, day))

    def locator_to_read(self, connection: Connection, day: date) -> Locator:
        """As `locator`; right after a release woke the one before it, while another thread builds the new index.

        A reader is never kept waiting by a release, and the answer names the release it was given on. Writers use
        `locator`, which waits.
        """
        release_id = area_store.release_on(connection, day)
        with self._lock:
            before = self._latest.get(day)
            built = ("locator", release_id) in self._kept
            old = None if before is None else self._kept.get(("locator", before))
        if not built and old is not None:
            self._build_behind(release_id)
            return cast(Locator, old)
        found = self.locator_of(connection, release_id)
        with self._lock:
            if len(self._latest) > _DAYS_KEPT:
                self._latest.clear()
            self._latest[day] = release_id
        return found

    def _build_behind(self, release_id: int | None) -> None:
        """Build a release's locator in a thread of its own, once."""
        with self._lock:
            if ("behind", release_id) in self._building:
                return
            self._building["behind", release_id] = threading.Lock()

        def build() -> None:
            try:
                with self.store.begin(ALL) as connection:
                    self.locator_of(connection, release_id)
            finally:
                with self._lock:
                    self._building.pop(("behind", release_id), None)

        threading.Thread(target=build, name=f"locator-{release_id}", daemon=True).start()

    def locator_of(self, connection: Connection, release_id: int | None) -> Locator:
        """The locator of a release, built once: what a release holds never changes."""
        levels = self.place.level_names
        return self.keep(
            ("locator", release_id), lambda: Locator(area_store.load_areas(connection, release_id, levels))
        )

    def register(self, connection: Connection, *, known: Sequence[int] = (), without: int | None = None) -> Register:
        """Units, territories, rules and precedents with all their versions, areas that ended replaced by their
        successors; with `known`, ids of the newest rows, as the registers were then; `without` a release's successors.

        Kept until the version of the registers changes: whoever changes one changes it in the same transaction.
        """
        key = ("register", register_store.version(connection), tuple(known), without)
        return self.keep(key, lambda: self._register(connection, tuple(known), without))

    def _register(self, connection: Connection, known: tuple[int, ...], without: int | None) -> Register:
        marks = known or register_store.marks(connection)
        unit, territory, rule, category, precedent = marks
        categories = register_store.categories(connection, upto=category)
        schemes: dict[str, frozenset[str]] = {}
        for row in categories:
            schemes[row.code] = schemes.get(row.code, frozenset()) | {row.scheme}
        stored = Register(
            units=register_store.units(connection, upto=unit),
            territories=register_store.territories(connection, upto=territory),
            rules=register_store.rules(connection, upto=rule),
            precedents=_precedents(connection, precedent),
            categories=schemes,
            part_types={row.code: row.part_types for row in categories if row.part_types},
            names={row.code: (row.name, row.name_en or row.name) for row in categories},
            marks=marks,
        )
        chosen = [row for row in release_store.successors(connection) if row.release_id != without]
        return stored.succeeded([(row.ending, row.successor, row.valid_from) for row in chosen])


def _precedents(connection: Connection, upto: int) -> tuple[Precedent, ...]:
    return tuple(
        Precedent(
            row.id, row.category, row.unit, tuple(row.assisting), row.reason, row.evidence,
            shapely.from_wkb(bytes(row.wkb)), row.valid_from, row.valid_to,
        )
        for row in ruling_store.precedent_rows(connection, upto=upto)
    )  # fmt: skip


def open_platform(settings: Settings) -> Platform:
    """The platform of these settings, logged in as gridward_app; a faulty place file stops it here."""
    settings.place  # noqa: B018 - read once, now
    return Platform(settings, Store.at(Cluster.of(settings).url("gridward_app")))
