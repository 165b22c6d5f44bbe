UPDATE cases c
SET head = e.hash, state = e.kind, unit = d.unit
FROM staged_undecision s
JOIN LATERAL (
    SELECT hash, kind FROM case_event e WHERE e.received_on = s.received_on AND e.case_id = s.id ORDER BY seq DESC LIMIT 1
) e ON true
JOIN LATERAL (
    SELECT unit FROM decision d WHERE d.received_on = s.received_on AND d.case_id = s.id ORDER BY seq DESC LIMIT 1
) d ON true
WHERE c.received_on = s.received_on AND c.id = s.id
