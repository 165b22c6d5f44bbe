"""The tables that queries are composed over. The migrations make them; a test holds the two against each other."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE

__all__ = ["METADATA", "area", "cases", "feature", "release_area", "release_feature"]

METADATA = MetaData(schema="gridward")

area = Table(
    "area",
    METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("level", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("residents", Integer),
    Column("has_children", Boolean, nullable=False),
    Column("area_m2", Float, nullable=False),
    Column("validity", DATERANGE, nullable=False),
    Column("geom", Geometry("MULTIPOLYGON", spatial_index=False), nullable=False),
)

feature = Table(
    "feature",
    METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("layer", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("width_m", Float),
    Column("validity", DATERANGE, nullable=False),
    Column("geom", Geometry("GEOMETRY", spatial_index=False), nullable=False),
)

release_area = Table(
    "release_area",
    METADATA,
    Column("release_id", Integer, primary_key=True),
    Column("area_id", BigInteger, primary_key=True),
    Column("delivered", Boolean, nullable=False),
)

release_feature = Table(
    "release_feature",
    METADATA,
    Column("release_id", Integer, primary_key=True),
    Column("feature_id", BigInteger, primary_key=True),
)

cases = Table(
    "cases",
    METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("received_on", Date, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("category", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("original_x", Float, nullable=False),
    Column("original_y", Float, nullable=False),
    Column("original_crs", Text, nullable=False),
    Column("accuracy_m", Float, nullable=False),
    Column("accuracy_level", Float, nullable=False),
    Column("part", Text, nullable=False),
    Column("geom", Geometry("POINT", spatial_index=False), nullable=False),
    Column("quad", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("unit", Text),
    Column("placement", ARRAY(BigInteger), nullable=False),
    Column("status", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("head", LargeBinary, nullable=False),
)
