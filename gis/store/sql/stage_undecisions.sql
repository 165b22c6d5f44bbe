-- The decision before the newest, decided again: state and kind of the event follow from it.
INSERT INTO staged_redecision
SELECT s.received_on, s.id, true, k.kind, s.note, k.kind, d.x, d.y, d.category, d.accuracy_m, d.on_day, d.release_id,
       d.area_ids, d.statuses, d.on_borders, d.border_distance_m, d.confidence, d.unit, d.territory_unit, d.forward_to,
       d.rule_id, d.runner_up_area, d.runner_up_unit, d.scope, d.outcome, d.engine
FROM staged_undecision s
CROSS JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = s.received_on AND d.case_id = s.id ORDER BY d.seq DESC OFFSET 1 LIMIT 1
) d
CROSS JOIN LATERAL (
    SELECT CASE WHEN d.outcome <> 'located' THEN d.outcome WHEN d.scope THEN 'dispatched' ELSE 'forwarded' END AS kind
) k
