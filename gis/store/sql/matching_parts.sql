-- Versions of parts for matching: within ranges of quad keys or of these identifiers where such are given, else all.
SELECT id, code, type, owner_unit, maintenance_unit, supervising_unit, state, accuracy_class,
       lower(validity) AS valid_from, upper(validity) AS valid_to, ST_X(spot) AS x, ST_Y(spot) AS y
FROM part
WHERE id <= :newest
  AND (CAST(:lows AS bigint[]) IS NULL
       OR id IN (SELECT n.id FROM unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) b(low, high)
                 JOIN part n ON n.quad BETWEEN b.low AND b.high
                 UNION ALL
                 SELECT n.id FROM part n WHERE n.code = ANY (CAST(:picked AS text[]))))
ORDER BY code, lower(validity)
