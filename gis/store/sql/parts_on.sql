SELECT code, type, name, owner_unit, maintenance_unit, supervising_unit, state, accuracy_class, data_source, initial_date,
       change_date, ST_AsBinary(geom), ST_X(spot), ST_Y(spot)
FROM part
WHERE validity @> CAST(:day AS date)
ORDER BY code
