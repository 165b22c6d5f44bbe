WITH added AS (
    INSERT INTO area (level, code, name, name_en, parent, path, residents, has_children, area_m2, geom)
    SELECT level, code, name, name_en, parent, path, residents, has_children, area_m2,
           ST_Multi(ST_GeomFromWKB(decode(wkb, 'hex'), :srid))
    FROM staged_area
    RETURNING id, level, code
), originals AS (
    INSERT INTO area_delivered (area_id, sha256, geom)
    SELECT a.id, encode(sha256(decode(s.delivered, 'hex')), 'hex'), ST_GeomFromWKB(decode(s.delivered, 'hex'), :srid)
    FROM added a JOIN staged_area s USING (level, code)
    WHERE s.delivered IS NOT NULL
)
INSERT INTO release_area SELECT :release_id, id, true FROM added
