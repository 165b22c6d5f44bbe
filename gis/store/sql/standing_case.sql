SELECT c.received_on, c.id, c.state, c.unit, c.category, c.received_at, c.source, d.accuracy_m, c.accuracy_level, c.part,
       d.seq, d.x, d.y, d.forward_to, d.outcome, d.scope, d.on_day, d.minute, d.release_id, d.territory_unit,
       d.settled_by, d.desk_reason
FROM cases c
JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
) d ON true
WHERE c.id = :id
