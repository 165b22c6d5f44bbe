INSERT INTO decision (case_id, received_on, seq, decided_at, decided_by, x, y, category, on_day, release_id, area_ids,
                      statuses, on_borders, border_distance_m, accuracy_m, confidence, unit, territory_unit, forward_to,
                      rule_id, runner_up_area, runner_up_unit, scope, outcome, engine)
SELECT d.case_id, d.received_on, d.seq + 2, :at, :by, d.x, d.y, d.category, d.on_day, d.release_id, d.area_ids, d.statuses,
       d.on_borders, d.border_distance_m, d.accuracy_m, d.confidence, d.unit, d.territory_unit, d.forward_to, d.rule_id,
       d.runner_up_area, d.runner_up_unit, d.scope, d.outcome, d.engine
FROM staged_undecision s
CROSS JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = s.received_on AND d.case_id = s.id ORDER BY d.seq DESC OFFSET 1 LIMIT 1
) d
