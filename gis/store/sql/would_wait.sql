SELECT count(*) AS looked_at, count(DISTINCT received_on) AS days,
       count(*) FILTER (WHERE desk_reason IN ('border', 'no_unit')
                           OR (settled_by <> 'precedent' AND confidence < :threshold)) AS waiting
FROM decision
WHERE seq = 1 AND received_on >= :since
