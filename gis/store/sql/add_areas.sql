WITH added AS (
    INSERT INTO area (level, code, name, name_en, parent, path, residents, has_children, area_m2, geom)
    SELECT level, code, name, name_en, parent, path, residents, has_children, area_m2,
           ST_Multi(ST_GeomFromWKB(decode(wkb, 'hex'), :srid))
    FROM staged_area
    RETURNING id
)
INSERT INTO release_area SELECT :release_id, id FROM added
