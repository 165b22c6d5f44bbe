INSERT INTO decision (case_id, received_on, seq, decided_at, decided_by, x, y, category, on_day, release_id, area_ids,
                      statuses, on_borders, border_distance_m, accuracy_m, confidence, unit, territory_unit, forward_to,
                      rule_id, runner_up_area, runner_up_unit, scope, outcome, engine)
SELECT id, received_on, 1, CAST(:at AS timestamptz), :by, x, y, category, on_day, release_id, area_ids, statuses,
       on_borders, border_distance_m, accuracy_m, confidence, unit, territory_unit, forward_to, rule_id, runner_up_area,
       runner_up_unit, scope, outcome, engine
FROM staged_case
