SELECT c.received_on, c.id, c.state, d.seq, before.seq IS NOT NULL AS redecided, d.x, d.y, d.accuracy_m, d.category,
       d.unit, d.forward_to, d.outcome, c.source,
       -- What a person decided: who answers, or where the pin stands.
       (SELECT r.seq FROM ruling r WHERE r.received_on = d.received_on AND r.case_id = d.case_id AND r.seq = d.seq) AS ruled,
       (SELECT max(e.seq) FROM case_event e WHERE e.received_on = c.received_on AND e.case_id = c.id
          AND e.kind NOT IN ('reported', 'dispatched', 'border_desk', 'forwarded', 'outside', 'gap', 'boundary')) AS stepped
FROM cases c
JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
) d ON d.release_id = :id
LEFT JOIN decision before ON before.received_on = c.received_on AND before.case_id = c.id AND before.seq = d.seq - 1
ORDER BY c.received_on, c.id
