WITH added AS (
    INSERT INTO feature (layer, code, name, name_en, class, width_m, geom)
    SELECT layer, code, name, name_en, class, width_m, ST_GeomFromWKB(decode(wkb, 'hex'), :srid)
    FROM staged_feature
    RETURNING id
)
INSERT INTO release_feature SELECT :release_id, id FROM added
