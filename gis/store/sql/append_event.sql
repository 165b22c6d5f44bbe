WITH next AS (
    SELECT c.received_on, c.id, c.head,
           (SELECT max(e.seq) + 1 FROM case_event e WHERE e.received_on = c.received_on AND e.case_id = c.id) AS seq
    FROM cases c WHERE c.received_on = :day AND c.id = :id
), added AS (
    INSERT INTO case_step (case_id, received_on, seq, at, kind, by, note, hash)
    SELECT id, received_on, seq, CAST(:at AS timestamptz), :kind, :by, :note,
           event_hash(head, id, seq, CAST(:at AS timestamptz), :kind, :by, :note)
    FROM next
    RETURNING received_on, case_id, hash
)
UPDATE cases c
SET head = added.hash, state = :kind, unit = CAST(:unit AS text)
FROM added WHERE c.received_on = added.received_on AND c.id = added.case_id
