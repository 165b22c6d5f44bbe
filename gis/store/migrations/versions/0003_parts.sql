-- A part (部件) is a point, a line or an area on the ground; what asks "where is it" asks for its one spot.
SET LOCAL search_path = gridward, public;

-- The key of gis/quads.py: the bits of the metre grid's column and row in turn.
CREATE FUNCTION quad_of(x double precision, y double precision) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    top constant bigint := (1::bigint << 27) - 1;
    c bigint := greatest(0, least(top, floor(x)::bigint + (1::bigint << 26)));
    r bigint := greatest(0, least(top, floor(y)::bigint + (1::bigint << 26)));
BEGIN
    c := (c | (c << 16)) & 281470681808895;      r := (r | (r << 16)) & 281470681808895;       -- 0x0000FFFF0000FFFF
    c := (c | (c << 8)) & 71777214294589695;     r := (r | (r << 8)) & 71777214294589695;      -- 0x00FF00FF00FF00FF
    c := (c | (c << 4)) & 1085102592571150095;   r := (r | (r << 4)) & 1085102592571150095;    -- 0x0F0F0F0F0F0F0F0F
    c := (c | (c << 2)) & 3689348814741910323;   r := (r | (r << 2)) & 3689348814741910323;    -- 0x3333333333333333
    c := (c | (c << 1)) & 6148914691236517205;   r := (r | (r << 1)) & 6148914691236517205;    -- 0x5555555555555555
    RETURN c | (r << 1);
END $$;

ALTER TABLE part ALTER COLUMN geom TYPE geometry(Geometry, {srid});
ALTER TABLE part ADD supervising_unit text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE part ADD initial_date date;
ALTER TABLE part ADD change_date date;
ALTER TABLE part ADD CHECK (change_date >= initial_date);
ALTER TABLE part ADD CHECK (state IN ('intact', 'damaged', 'missing', 'abandoned', 'removed'));
ALTER TABLE part ADD CHECK (accuracy_class IN ('A', 'B', 'C', ''));

-- Until now a part's first day was its initial date, and 2000-01-01 where the file had none. The owner sees no row of a
-- table that forces its policies, so an update without this would change nothing and say nothing.
ALTER TABLE part NO FORCE ROW LEVEL SECURITY;
UPDATE part SET initial_date = lower(validity) WHERE lower(validity) <> DATE '2000-01-01';
ALTER TABLE part FORCE ROW LEVEL SECURITY;

-- A text in a GiST index made a load of 200,000 parts take eight times as long. Two codes of one hash would be refused
-- with an error, once in about a hundred million registers of this size.
ALTER TABLE part DROP CONSTRAINT part_code_validity_excl;
ALTER TABLE part ADD CONSTRAINT part_code_validity_excl
    EXCLUDE USING gist (hashtextextended(code, 0) WITH =, validity WITH &&);

-- On the part itself, whatever its shape; made by the database, so that it cannot differ from the geometry.
ALTER TABLE part ADD spot geometry(Point, {srid}) NOT NULL GENERATED ALWAYS AS (ST_PointOnSurface(geom)) STORED;
ALTER TABLE part ADD quad bigint NOT NULL
    GENERATED ALWAYS AS (gridward.quad_of(ST_X(ST_PointOnSurface(geom)), ST_Y(ST_PointOnSurface(geom)))) STORED;
CREATE INDEX ON part (quad);
CREATE INDEX ON part (code);
