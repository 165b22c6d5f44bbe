INSERT INTO case_step (case_id, received_on, seq, at, kind, by, note, hash)
SELECT s.id, s.received_on, n.seq, :at, s.kind, :by, s.note,
       event_hash(c.head, s.id, n.seq, CAST(:at AS timestamptz), s.kind, :by, s.note)
FROM staged_redecision s
JOIN cases c ON c.received_on = s.received_on AND c.id = s.id
CROSS JOIN LATERAL (
    SELECT max(e.seq) + 1 AS seq FROM case_event e WHERE e.received_on = s.received_on AND e.case_id = s.id
) n
