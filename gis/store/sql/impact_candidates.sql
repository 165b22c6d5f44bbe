-- An open case can be answered otherwise only when its evidence names an area that the release does not hold, when it lies
-- outside or in a gap (new ground may reach it), when it lies on a border (the tie may fall otherwise), when its error
-- reaches an area that the release does not hold, or within reach of its error from ground on which the unit level differs.
WITH open AS (
    SELECT c.received_on, c.id, c.state, d.source, c.geom, d.accuracy_m, d.accuracy_level,
           coalesce(d.sigma_m, d.accuracy_m) AS sigma_m, d.category, c.head,
           d.seq, d.x, d.y, d.minute, d.part_picked, d.unit, d.forward_to, d.outcome, d.area_ids, d.on_borders, d.statuses,
           d.candidate_areas, d.border_distance_m
    FROM cases c
    JOIN LATERAL (
        SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
    ) d ON true
    -- What a person ruled stands until a person rules otherwise.
    WHERE c.state <> 'closed' AND d.settled_by <> 'person' AND d.desk_reason <> 'returned'
      AND (CAST(:since AS date) IS NULL OR c.received_on >= :since)
), reach AS (
    SELECT coalesce(max(CAST(:reach AS double precision) * sigma_m), 0) AS m FROM open
)
SELECT o.received_on, o.id, o.state, o.source, o.x, o.y, o.accuracy_m, o.accuracy_level, o.category, o.minute,
       o.part_picked, o.unit, o.forward_to, o.outcome, o.seq
FROM open o, reach
WHERE 'area' <> ANY (o.statuses)
   OR true = ANY (o.on_borders)
   OR EXISTS (SELECT FROM unnest(o.area_ids) i(id)
              WHERE i.id IS NOT NULL
                AND NOT EXISTS (SELECT FROM release_area m WHERE m.release_id = :id AND m.area_id = i.id))
   OR EXISTS (SELECT FROM unnest(o.candidate_areas) k(code)
              WHERE k.code NOT IN ('outside', 'gap')
                AND NOT EXISTS (SELECT FROM release_area m JOIN area a ON a.id = m.area_id
                                WHERE m.release_id = :id AND a.code = k.code))
   -- Lines surveyed better or worse than those below: every error that reaches a border is another one.
   OR (CAST(:lines AS double precision) IS NOT NULL
       AND o.border_distance_m <= CAST(:reach AS double precision) * sqrt(o.sigma_m ^ 2 + CAST(:lines AS double precision) ^ 2))
   OR (CAST(:changed AS bytea) IS NOT NULL AND ST_DWithin(o.geom, ST_GeomFromWKB(CAST(:changed AS bytea), :srid), reach.m))
ORDER BY o.received_on, o.id
