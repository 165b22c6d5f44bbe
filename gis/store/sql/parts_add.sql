INSERT INTO part (code, type, name, owner_unit, maintenance_unit, supervising_unit, state, accuracy_class, data_source, initial_date,
       change_date, validity, geom)
SELECT code, type, name, owner_unit, maintenance_unit, supervising_unit, state, accuracy_class, data_source, initial_date,
       change_date, daterange(valid_from, NULL),
       ST_GeomFromWKB(decode(wkb, 'hex'), :srid)
FROM staged_part
ORDER BY code
