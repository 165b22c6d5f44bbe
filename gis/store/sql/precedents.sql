SELECT id, category, unit, assisting, reason, evidence, received_on, case_id, made_at, made_by,
       lower(validity) AS valid_from, upper(validity) AS valid_to, ST_AsBinary(geom) AS wkb
FROM precedent
WHERE CAST(:upto AS bigint) IS NULL OR id <= :upto
ORDER BY id
