-- The decision that stood before is the newest earlier one on a release that is still in force or that needed none: others
-- may have been made since on releases that were withdrawn.
SELECT c.received_on, c.id, c.state, d.x, d.y, d.accuracy_m, d.accuracy_level, d.category, d.source, d.on_day, d.minute,
       d.part_picked, d.unit, d.forward_to, d.outcome,
       before.seq AS before_seq, before.unit AS before_unit, before.forward_to AS before_forward_to,
       before.outcome AS before_outcome,
       -- What a person decided since: who answers, or where the pin stands.
       EXISTS (SELECT FROM ruling r WHERE r.received_on = d.received_on AND r.case_id = d.case_id
          AND r.seq > coalesce(before.seq, 0)) AS ruled,
       EXISTS (SELECT FROM case_event e WHERE e.received_on = c.received_on AND e.case_id = c.id
          AND e.kind NOT IN ('reported', 'dispatched', 'border_desk', 'forwarded', 'outside', 'gap', 'boundary')) AS stepped
FROM cases c
JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
) d ON d.release_id = :id
LEFT JOIN LATERAL (
    SELECT * FROM decision b
    WHERE b.received_on = c.received_on AND b.case_id = c.id AND b.seq < d.seq
      AND (b.release_id IS NULL OR b.release_id <> :id AND EXISTS (
          SELECT FROM release_state s WHERE s.release_id = b.release_id AND s.step = 'active'))
    ORDER BY b.seq DESC LIMIT 1
) before ON true
ORDER BY c.received_on, c.id
