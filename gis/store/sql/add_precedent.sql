INSERT INTO precedent (category, unit, assisting, reason, evidence, received_on, case_id, made_at, made_by, validity, geom)
VALUES (:category, :unit, CAST(:assisting AS text[]), :reason, :evidence, CAST(:day AS date), CAST(:id AS bigint), :at, :by,
        daterange(:valid_from, NULL), ST_Multi(ST_GeomFromWKB(:wkb, Find_SRID('gridward', 'precedent', 'geom'))))
RETURNING id
