-- With :upto the precedents as they were when that was the newest id drawn for one, made or ended.
SELECT id, category, unit, assisting, reason, evidence, received_on, case_id, made_at, made_by, valid_from,
       CASE WHEN CAST(:upto AS bigint) IS NULL OR ended_id <= :upto THEN valid_to END AS valid_to, ST_AsBinary(geom) AS wkb
FROM precedent
WHERE CAST(:upto AS bigint) IS NULL OR id <= :upto
ORDER BY id
