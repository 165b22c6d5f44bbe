-- An open case can be answered otherwise only when its evidence names an area that the release does not hold, when it lies
-- outside or in a gap (new ground may reach it), when it lies on a border (the tie may fall otherwise), or within its
-- accuracy of ground on which the unit level differs.
WITH open AS (
    SELECT c.received_on, c.id, c.state, c.source, c.geom, c.accuracy_m, c.category, c.head, d.seq, d.x, d.y, d.unit,
           d.forward_to, d.outcome, d.area_ids, d.on_borders, d.statuses
    FROM cases c
    JOIN LATERAL (
        SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
    ) d ON true
    WHERE c.state <> 'closed' AND (CAST(:since AS date) IS NULL OR c.received_on >= :since)
), reach AS (
    SELECT coalesce(max(accuracy_m), 0) AS m FROM open
)
SELECT o.received_on, o.id, o.state, o.source, o.x, o.y, o.accuracy_m, o.category, o.unit, o.forward_to, o.outcome, o.seq
FROM open o, reach
WHERE 'area' <> ANY (o.statuses)
   OR true = ANY (o.on_borders)
   OR EXISTS (SELECT FROM unnest(o.area_ids) i(id)
              WHERE i.id IS NOT NULL
                AND NOT EXISTS (SELECT FROM release_area m WHERE m.release_id = :id AND m.area_id = i.id))
   OR (CAST(:changed AS bytea) IS NOT NULL AND ST_DWithin(o.geom, ST_GeomFromWKB(CAST(:changed AS bytea), :srid), reach.m))
ORDER BY o.received_on, o.id
