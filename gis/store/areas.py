"""Areas and features: what is awake on a day, and the release that is put to bed, woken, or sent back to sleep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select, text

from gis.acts import Act
from gis.areas import AreaSet, DeliveredLayer, Delivery, Feature, LevelAreas, ReleaseFacts
from gis.store.copying import copy_frame
from gis.store.engine import sql_file
from gis.store.tables import area, feature, release_area, release_feature

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "add_event",
    "add_release",
    "add_members",
    "add_carried",
    "current_members",
    "delivery_of",
    "line_accuracy",
    "load_areas",
    "load_features",
    "locate_points",
    "lock_boundaries",
    "release_on",
    "releases",
    "rewake",
    "title_of",
]

_LOCK = 320404002


def lock_boundaries(connection: Connection, *, alone: bool) -> None:
    """Readers that decide share the lock, who wakes a release holds it alone: nothing is decided on a mix of two."""
    name = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    connection.execute(text(f"SELECT {name}({_LOCK})"))


def release_on(connection: Connection, day: date, *, known: datetime | None = None) -> int | None:
    """The id of the release in force on a day, as known now or before the moment `known`; None when there is none."""
    values = {"day": day, "known": known}
    return connection.execute(text(sql_file("release_on.sql")), values).scalar_one_or_none()


def load_areas(connection: Connection, release_id: int | None, levels: Sequence[str]) -> AreaSet:
    """The areas of a release, level by level, sorted by path in byte order; none at all for None.

    What a release holds never changes, so the answer may be kept for ever under the release's id.
    """
    names = ("id", "code", "name", "name_en", "path", "parent", "has_children", "area_m2")
    columns = [area.c[name] for name in names]
    out: list[LevelAreas] = []
    above: dict[str, int] = {}
    for level in levels:
        query = (
            select(*columns, func.ST_AsBinary(area.c.geom).label("wkb"))
            .join(release_area, release_area.c.area_id == area.c.id)
            .where(release_area.c.release_id == release_id, area.c.level == level)
            .order_by(area.c.path)
        )
        rows = connection.execute(query).all()
        out.append(_level(level, rows, above))
        above = {code: i for i, code in enumerate(out[-1].codes)}
    return AreaSet(release_id=release_id, levels=tuple(out))


def _level(level: str, rows: Sequence[Any], above: Mapping[str, int]) -> LevelAreas:
    def column(name: str) -> Any:
        return np.array([getattr(row, name) for row in rows] or [], dtype=object)

    return LevelAreas(
        level=level,
        ids=column("id").astype(np.int64),
        codes=column("code"),
        names=column("name"),
        names_en=column("name_en"),
        paths=column("path"),
        parent_index=np.array([above.get(row.parent, -1) for row in rows], dtype=np.int64),
        has_children=column("has_children").astype(bool),
        area_m2=column("area_m2").astype(float),
        geometry=np.asarray(shapely.from_wkb([bytes(row.wkb) for row in rows]), dtype=object),
    )


def locate_points(
    connection: Connection, release_id: int, levels: Sequence[str], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The ids of the areas at each point (working CRS) as (points, levels), -1 for none, decided by PostGIS alone.

    The rule is the locator's (the finest covering area with the lowest path, and its parents), so that each is the
    other's judge. `levels` go from coarse to fine; the connection must be in a transaction.
    """
    import pandas as pd

    out = np.full((len(x), len(levels)), -1, dtype=np.int64)
    asked = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    connection.execute(text(sql_file("asked_points.sql")))
    copy_frame(connection, "asked_point", pd.DataFrame({"i": asked, "x": x[asked], "y": y[asked]}))
    srid = "Find_SRID('gridward', 'area', 'geom')"
    connection.execute(text(f"UPDATE asked_point SET geom = ST_SetSRID(ST_MakePoint(x, y), {srid})"))
    connection.execute(text("CREATE INDEX IF NOT EXISTS asked_point_geom ON asked_point USING gist (geom)"))
    connection.execute(text("ANALYZE asked_point"))
    for level in reversed(levels):
        connection.execute(text(sql_file("locate_points.sql")), {"release_id": release_id, "level": level})
    values = {"release_id": release_id, "levels": list(levels)}
    for row in connection.execute(text(sql_file("located_points.sql")), values):
        out[row.i, row.depth] = row.area_id
    return out


def load_features(connection: Connection, release_id: int | None) -> list[Feature]:
    """The map features of a release, ordered by layer and code."""
    query = (
        select(
            *(feature.c[name] for name in ("layer", "code", "name", "name_en", "class", "width_m")),
            func.ST_AsBinary(feature.c.geom).label("wkb"),
        )
        .join(release_feature, release_feature.c.feature_id == feature.c.id)
        .where(release_feature.c.release_id == release_id)
        .order_by(feature.c.layer, feature.c.code)
    )
    return [Feature(*row[:6], shapely.from_wkb(bytes(row.wkb))) for row in connection.execute(query)]


def line_accuracy(connection: Connection, release_id: int | None) -> float:
    """The accuracy of a release's lines in metres (one σ); 0 without a release."""
    query = "SELECT line_accuracy_m FROM release WHERE id = :id"
    return float(connection.execute(text(query), {"id": release_id}).scalar_one_or_none() or 0.0)


def current_members(connection: Connection, day: date) -> list[Any]:
    """The areas awake on `day` as rows (id, level, code, name, name_en, parent, path, residents, has_children, wkb)."""
    names = ("id", "level", "code", "name", "name_en", "parent", "path", "residents", "has_children")
    query = select(*(area.c[name] for name in names), func.ST_AsBinary(area.c.geom).label("wkb")).where(
        area.c.validity.op("@>")(day)
    )
    return list(connection.execute(query))


def delivery_of(connection: Connection, row: Any) -> Delivery:
    """The delivery that a release came from, made of what is stored: to compare it anew with another release."""
    names = ("level", "code", "name", "name_en", "parent", "residents", "has_children")
    query = (
        select(*(area.c[name] for name in names), func.ST_AsBinary(area.c.geom).label("wkb"))
        .join(release_area, release_area.c.area_id == area.c.id)
        .where(release_area.c.release_id == row.id, release_area.c.delivered)
        .order_by(area.c.id)
    )
    found = connection.execute(query).all()
    layers = [_delivered_layer(level, row.scopes, [r for r in found if r.level == level]) for level in row.levels]
    facts = ReleaseFacts(row.title, row.document, row.source, row.licence, row.synthetic, row.line_accuracy_m)
    features = load_features(connection, row.id)
    accepted = tuple((str(kind), str(reason)) for kind, reason in row.accepted)
    told = connection.execute(
        text("SELECT findings::text, fields::text FROM release WHERE id = :id"), {"id": row.id}
    ).one()
    return Delivery(facts, row.valid_from, tuple(layers), tuple(features), row.hash, accepted, *told)


def _delivered_layer(level: str, scopes: Mapping[str, str], rows: Sequence[Any]) -> DeliveredLayer:
    def column(name: str) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=object)

    residents = [np.nan if row.residents is None else float(row.residents) for row in rows]
    return DeliveredLayer(
        level=level,
        scope=scopes.get(level, "full"),
        codes=column("code"),
        names=column("name"),
        names_en=column("name_en"),
        parents=column("parent"),
        residents=np.array(residents, dtype=float),
        has_children=column("has_children").astype(bool),
        geometry=np.asarray(shapely.from_wkb([bytes(row.wkb) for row in rows]), dtype=object),
    )


def add_release(connection: Connection, delivery: Delivery, *, base_id: int | None, accepted: str) -> int:
    """Store what a delivery says about itself and which release it was compared with; returns the release's id."""
    facts = delivery.facts
    names = (
        "title, document, source, licence, synthetic, valid_from, line_accuracy_m, levels, hash, base_id, accepted, "
        "findings, fields, scopes"
    )
    values = ", ".join(f":{name}" for name in names.split(", "))
    for name in ("accepted", "findings", "fields", "scopes"):
        values = values.replace(f":{name}", f"CAST(:{name} AS jsonb)")
    return int(
        connection.execute(
            text(f"INSERT INTO release ({names}) VALUES ({values}) RETURNING id"),
            {
                "title": facts.title,
                "document": facts.document,
                "source": facts.source,
                "licence": facts.licence,
                "synthetic": facts.synthetic,
                "valid_from": delivery.valid_from,
                "line_accuracy_m": facts.line_accuracy_m,
                "levels": [layer.level for layer in delivery.layers],
                "hash": delivery.hash,
                "base_id": base_id,
                "accepted": accepted,
                "findings": delivery.findings,
                "fields": delivery.fields,
                "scopes": json.dumps({layer.level: layer.scope for layer in delivery.layers}),
            },
        ).scalar_one()
    )


def add_members(
    connection: Connection,
    release_id: int,
    *,
    new_areas: Sequence[tuple[DeliveredLayer, Any]],
    kept: Sequence[int],
    paths: Mapping[str, str],
    features: Sequence[Feature] | None,
) -> None:
    """Put a release to bed: its new areas asleep, the rows it keeps by id; `features` None keeps the awake ones.

    `new_areas` pairs each layer with the positions of its areas that are not stored yet.
    """
    frames = [_area_frame(layer, which, paths) for layer, which in new_areas if len(which)]
    srid = connection.execute(text("SELECT Find_SRID('gridward', 'area', 'geom')")).scalar_one()
    connection.execute(text(sql_file("staged_areas.sql")))
    for frame in frames:
        copy_frame(connection, "staged_area", frame)
    connection.execute(text(sql_file("add_areas.sql")), {"release_id": release_id, "srid": srid})
    connection.execute(
        text("INSERT INTO release_area SELECT :release_id, id, true FROM unnest(CAST(:kept AS bigint[])) id"),
        {"release_id": release_id, "kept": list(kept)},
    )
    if features is None:
        connection.execute(text(sql_file("keep_features.sql")), {"release_id": release_id})
        return
    connection.execute(text(sql_file("staged_features.sql")))
    if features:
        copy_frame(connection, "staged_feature", _feature_frame(features))
    connection.execute(text(sql_file("add_features.sql")), {"release_id": release_id, "srid": srid})


def _area_frame(layer: DeliveredLayer, which: Any, paths: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    geometry = layer.geometry[which]
    return pd.DataFrame(
        {
            "level": layer.level,
            "code": layer.codes[which],
            "name": layer.names[which],
            "name_en": layer.names_en[which],
            "parent": layer.parents[which],
            "path": [paths[code] for code in layer.codes[which]],
            "residents": pd.array([None if np.isnan(n) else int(n) for n in layer.residents[which]], dtype="Int64"),
            "has_children": layer.has_children[which],
            "area_m2": shapely.area(geometry),
            "wkb": shapely.to_wkb(geometry, hex=True),
            "delivered": _delivered(layer, which),
        }
    )


def _delivered(layer: DeliveredLayer, which: Any) -> Any:
    """The line as delivered, where it is not the one that is stored; None where it is."""
    out = np.full(len(which), None, dtype=object)
    if layer.delivered is not None:
        original, stored = layer.delivered[which], layer.geometry[which]
        other = ~shapely.equals_exact(original, stored)
        out[other] = shapely.to_wkb(original[other], hex=True)
    return out


def _feature_frame(features: Sequence[Feature]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "layer": [f.layer for f in features],
            "code": [f.code for f in features],
            "name": [f.name for f in features],
            "name_en": [f.name_en for f in features],
            "class": [f.kind for f in features],
            "width_m": [f.width_m for f in features],
            "wkb": shapely.to_wkb([f.geometry for f in features], hex=True),
        }
    )


def add_carried(connection: Connection, release_id: int, carried: Sequence[int]) -> None:
    """Areas that a release takes over from the one below it, because they were not in its delivery."""
    connection.execute(
        text("INSERT INTO release_area SELECT :release_id, id, false FROM unnest(CAST(:carried AS bigint[])) id"),
        {"release_id": release_id, "carried": list(carried)},
    )


def add_event(connection: Connection, release_id: int, step: str, act: Act, *, bound: str = "{}") -> None:
    """Append what happened to a release; `bound` is what an approval is for, as JSON."""
    connection.execute(
        text(
            "INSERT INTO release_event (release_id, step, at, by, reason, bound) "
            "VALUES (:id, :step, :at, :by, :reason, CAST(:bound AS jsonb))"
        ),
        {"id": release_id, "step": step, "at": act.at, "by": act.by, "reason": act.reason, "bound": bound},
    )


def rewake(connection: Connection) -> None:
    """Set every validity to what the active releases say: waking and sending back to sleep are this one statement."""
    for table in ("area", "feature"):
        connection.execute(text(sql_file("rewake.sql").replace("{table}", table)))


def releases(connection: Connection) -> list[Any]:
    """Every release with its state, oldest first: id, levels, step, valid_from, hash, title, document, at, by."""
    return list(connection.execute(text(sql_file("releases.sql"))))


def title_of(connection: Connection, release_id: int | None) -> tuple[str | None, str | None]:
    """Title and document of a release, which never change; None for no release."""
    found = connection.execute(text("SELECT title, document FROM release WHERE id = :id"), {"id": release_id})
    title, document = found.one_or_none() or (None, None)
    return title, document
