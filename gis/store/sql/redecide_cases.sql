UPDATE cases c
SET head = e.hash, state = s.state, unit = CASE WHEN s.decided THEN s.unit ELSE c.unit END
FROM staged_redecision s
JOIN LATERAL (
    SELECT hash FROM case_event e WHERE e.received_on = s.received_on AND e.case_id = s.id ORDER BY seq DESC LIMIT 1
) e ON true
WHERE c.received_on = s.received_on AND c.id = s.id
