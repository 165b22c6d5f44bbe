CREATE TEMP TABLE IF NOT EXISTS staged_area (
    level text, code text, name text, name_en text, parent text, path text, residents integer,
    has_children boolean, area_m2 double precision, wkb text, delivered text
) ON COMMIT DROP;
TRUNCATE staged_area
