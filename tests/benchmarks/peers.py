"""The peers of locating: each holds cells and points in a table of its own kind and answers one level.

`join()` is what is timed: (point, cell) for every pair that intersects, as arrays here or, for PostGIS, counted there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import shapely
from measuring import THREADS
from numpy.typing import NDArray
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

__all__ = ["PEERS", "DuckDb", "GeoPandas", "Peer", "PostGis", "SedonaDb", "lowest"]

CRS: Final = "EPSG:4549"
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pairs = tuple[Ints, Ints]


class Peer(ABC):
    """One peer with its tables made."""

    name: str
    goal: float  #: how many times faster we want to be
    timed_points: int  #: more points are not asked of it: they would take minutes

    @abstractmethod
    def join(self) -> Any:
        """Do the work that is timed."""

    def pairs(self) -> Pairs:
        """What the join found: number of the point, number of the cell, in any order."""
        found: Pairs = self.join()
        return found

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what it holds."""


class SedonaDb(Peer):
    """SedonaDB, both tables in its memory."""

    name, goal, timed_points = "SedonaDB, one level", 25.0, 10_000_000

    def __init__(self, cells: NDArray[np.object_], x: Floats, y: Floats, address: str) -> None:
        import sedonadb

        self.db = sedonadb.connect()
        self.db.sql(f"SET datafusion.execution.target_partitions = {THREADS}").execute()
        for name, geometry in (("cells", cells), ("points", shapely.points(x, y))):
            frame = gpd.GeoDataFrame({"id": np.arange(len(geometry))}, geometry=geometry, crs=CRS)
            self.db.create_data_frame(frame).to_memtable().to_view(name)

    def join(self) -> Pairs:
        found = self.db.sql(
            "SELECT p.id AS point, c.id AS cell FROM points p JOIN cells c ON ST_Intersects(c.geometry, p.geometry)"
        ).to_arrow_table()
        return found["point"].to_numpy(), found["cell"].to_numpy()


class DuckDb(Peer):
    """DuckDB with its spatial extension, both tables its own."""

    name, goal, timed_points = "DuckDB spatial, one level", 35.0, 10_000_000

    def __init__(self, cells: NDArray[np.object_], x: Floats, y: Floats, address: str) -> None:
        import duckdb

        place = find_spec("duckdb_extension_spatial")
        if place is None or place.origin is None:
            raise ModuleNotFoundError("duckdb_extension_spatial")
        extension = next(Path(place.origin).parent.rglob("spatial.duckdb_extension"))
        self.db = duckdb.connect(config={"threads": THREADS})
        self.db.execute(f"LOAD '{extension}'")
        given_cells = pa.table({"id": np.arange(len(cells)), "wkb": pa.array(shapely.to_wkb(cells), pa.binary())})
        given_points = pa.table({"id": np.arange(len(x)), "x": x, "y": y})
        self.db.register("given_cells", given_cells)
        self.db.register("given_points", given_points)
        self.db.execute("CREATE TABLE cells AS SELECT id, ST_GeomFromWKB(wkb) AS geom FROM given_cells")
        self.db.execute("CREATE TABLE points AS SELECT id, ST_Point(x, y) AS geom FROM given_points")

    def join(self) -> Pairs:
        found = self.db.execute(
            "SELECT p.id AS point, c.id AS cell FROM points p JOIN cells c ON ST_Intersects(p.geom, c.geom)"
        ).fetchnumpy()
        return found["point"], found["cell"]

    def close(self) -> None:
        self.db.close()


class GeoPandas(Peer):
    """geopandas.sjoin; its index of the cells is warm as well."""

    name, goal, timed_points = "geopandas.sjoin, one level", 60.0, 1_000_000

    def __init__(self, cells: NDArray[np.object_], x: Floats, y: Floats, address: str) -> None:
        self.cells = gpd.GeoDataFrame({"id": np.arange(len(cells))}, geometry=cells, crs=CRS)
        self.points = gpd.GeoDataFrame(geometry=shapely.points(x, y), crs=CRS)

    def join(self) -> Pairs:
        found = self.points.sjoin(self.cells, predicate="intersects")
        return found.index.to_numpy(), found["id"].to_numpy()


class PostGis(Peer):
    """PostGIS by its best plan, cell by cell over an index of the points; only counted, nothing is sent to us."""

    name, goal, timed_points = "PostGIS, lateral over cells, one level", 75.0, 1_000_000
    _JOIN: Final = """cells c JOIN LATERAL (
        SELECT p.id FROM points p WHERE p.geom && c.geom AND ST_Intersects(c.geom, p.geom)) AS p ON true"""

    def __init__(self, cells: NDArray[np.object_], x: Floats, y: Floats, address: str) -> None:
        self.engine = create_engine(address, poolclass=NullPool)
        self.raw = self.engine.raw_connection()
        at = self.raw.cursor()
        at.execute("CREATE TEMP TABLE given (id int, wkb text)")
        at.execute("CREATE TEMP TABLE spots (id int, x float8, y float8)")
        wkb = pd.DataFrame({"id": np.arange(len(cells)), "wkb": shapely.to_wkb(cells, hex=True)})
        at.copy_expert("COPY given FROM STDIN CSV HEADER", _csv(pa.Table.from_pandas(wkb, preserve_index=False)))
        at.copy_expert("COPY spots FROM STDIN CSV HEADER", _csv(pa.table({"id": np.arange(len(x)), "x": x, "y": y})))
        at.execute("CREATE TABLE cells AS SELECT id, ST_GeomFromWKB(decode(wkb, 'hex'), 4549) AS geom FROM given")
        at.execute("CREATE TABLE points AS SELECT id, ST_SetSRID(ST_MakePoint(x, y), 4549) AS geom FROM spots")
        at.execute("CREATE INDEX ON cells USING gist (geom)")
        at.execute("CREATE INDEX ON points USING gist (geom)")
        self.raw.commit()
        at.execute("ANALYZE cells; ANALYZE points")
        self.raw.commit()

    def join(self) -> int:
        at = self.raw.cursor()
        at.execute(f"SELECT count(p.id) FROM {self._JOIN}")
        return int(at.fetchone()[0])

    def pairs(self) -> Pairs:
        out, at = BytesIO(), self.raw.cursor()
        at.copy_expert(f"COPY (SELECT p.id AS point, c.id AS cell FROM {self._JOIN}) TO STDOUT CSV HEADER", out)
        out.seek(0)
        found = pyarrow.csv.read_csv(out)
        return found["point"].to_numpy(), found["cell"].to_numpy()

    def close(self) -> None:
        at = self.raw.cursor()
        at.execute("DROP TABLE cells; DROP TABLE points")
        self.raw.commit()
        self.raw.close()
        self.engine.dispose()


PEERS: Final[tuple[type[Any], ...]] = (SedonaDb, DuckDb, GeoPandas, PostGis)


def lowest(pairs: Pairs, n: int) -> Ints:
    """The lowest cell of each of `n` points; -1 where there is none."""
    out = np.full(n, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(out, pairs[0].astype(np.int64), pairs[1].astype(np.int64))
    return np.where(out == np.iinfo(np.int64).max, -1, out)


def _csv(given: pa.Table) -> BytesIO:
    out = BytesIO()
    pyarrow.csv.write_csv(given, out)
    out.seek(0)
    return out
