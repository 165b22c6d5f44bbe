SELECT id, lower(validity), code, type, name, owner_unit, maintenance_unit, supervising_unit, state, accuracy_class, data_source, initial_date,
       change_date, ST_AsBinary(geom)
FROM part
WHERE code = ANY(:codes)
ORDER BY code, lower(validity)
