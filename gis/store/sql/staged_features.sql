CREATE TEMP TABLE IF NOT EXISTS staged_feature (
    layer text, code text, name text, name_en text, class text, width_m double precision, wkb text
) ON COMMIT DROP;
TRUNCATE staged_feature
