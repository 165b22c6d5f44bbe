CREATE TEMP TABLE IF NOT EXISTS asked_point (i integer, x double precision, y double precision, geom geometry) ON COMMIT DROP;
CREATE TEMP TABLE IF NOT EXISTS located_point (i integer PRIMARY KEY, area_id bigint) ON COMMIT DROP;
TRUNCATE asked_point, located_point
