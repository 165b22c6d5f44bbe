INSERT INTO precedent (category, unit, assisting, reason, evidence, received_on, case_id, made_at, made_by, valid_from, geom)
VALUES (:category, :unit, CAST(:assisting AS text[]), :reason, :evidence, CAST(:day AS date), CAST(:id AS bigint), :at, :by,
        :valid_from, ST_Multi(ST_GeomFromWKB(:wkb, Find_SRID('gridward', 'precedent', 'geom'))))
RETURNING id
