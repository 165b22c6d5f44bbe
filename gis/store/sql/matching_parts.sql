-- Versions of parts for matching, up to the newest that is known.
SELECT part.id, code, type, owner_unit, maintenance_unit, supervising_unit, state, accuracy_class,
       lower(validity) AS valid_from, upper(validity) AS valid_to, ST_X(spot) AS x, ST_Y(spot) AS y
FROM {parts}
WHERE part.id <= :newest
ORDER BY code, lower(validity)
