INSERT INTO ruling (received_on, case_id, seq, kind, at, by, category, from_unit, unit, reason, evidence, geom)
VALUES (:day, :id, :seq, :kind, :at, :by, :category, :from_unit, :unit, :reason, :evidence,
        ST_SetSRID(ST_MakePoint(:x, :y), Find_SRID('gridward', 'ruling', 'geom')))
