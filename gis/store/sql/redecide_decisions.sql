INSERT INTO decision (case_id, received_on, seq, decided_at, decided_by, x, y, category, on_day, release_id, area_ids,
                      statuses, on_borders, border_distance_m, accuracy_m, confidence, unit, territory_unit, forward_to,
                      rule_id, runner_up_area, runner_up_unit, scope, outcome, engine)
SELECT s.id, s.received_on, n.seq, :at, :by, s.x, s.y, s.category, s.on_day, s.release_id, s.area_ids, s.statuses,
       s.on_borders, s.border_distance_m, s.accuracy_m, s.confidence, s.unit, s.territory_unit, s.forward_to, s.rule_id,
       s.runner_up_area, s.runner_up_unit, s.scope, s.outcome, s.engine
FROM staged_redecision s
CROSS JOIN LATERAL (
    SELECT max(d.seq) + 1 AS seq FROM decision d WHERE d.received_on = s.received_on AND d.case_id = s.id
) n
WHERE s.decided
