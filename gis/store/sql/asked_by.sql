-- Cases that a release sent to the border desk, that still wait there, and that were never decided on it.
SELECT c.received_on, c.id, c.state, d.unit, d.forward_to, d.outcome
FROM cases c
JOIN LATERAL (
    SELECT * FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id ORDER BY d.seq DESC LIMIT 1
) d ON true
WHERE c.state = 'border_desk'
  AND EXISTS (SELECT FROM case_event e WHERE e.received_on = c.received_on AND e.case_id = c.id
              AND e.kind = 'border_desk' AND e.note LIKE :note)
  AND NOT EXISTS (SELECT FROM decision d WHERE d.received_on = c.received_on AND d.case_id = c.id AND d.release_id = :id)
ORDER BY c.received_on, c.id
