-- What the case was before the newest decision: state and unit follow from the decision that is restored.
INSERT INTO case_event (case_id, received_on, seq, at, kind, by, note, hash)
SELECT s.id, s.received_on, n.seq, :at, k.kind, :by, s.note,
       event_hash(c.head, s.id, n.seq, CAST(:at AS timestamptz), k.kind, :by, s.note)
FROM staged_undecision s
JOIN cases c ON c.received_on = s.received_on AND c.id = s.id
CROSS JOIN LATERAL (
    SELECT max(e.seq) + 1 AS seq FROM case_event e WHERE e.received_on = s.received_on AND e.case_id = s.id
) n
CROSS JOIN LATERAL (
    SELECT CASE WHEN d.outcome <> 'located' THEN d.outcome WHEN d.scope THEN 'dispatched' ELSE 'forwarded' END AS kind
    FROM decision d WHERE d.received_on = s.received_on AND d.case_id = s.id ORDER BY d.seq DESC OFFSET 1 LIMIT 1
) k
