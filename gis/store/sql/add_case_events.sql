-- Each report has two or three events: it came in, it was decided, and it may have been closed before we saw it.
WITH listed AS (
    SELECT s.*, CASE WHEN outcome <> 'located' THEN outcome WHEN scope THEN 'dispatched' ELSE 'forwarded' END AS decided,
           coalesce(unit, forward_to, '') AS target,
           event_hash('\x'::bytea, id, 1, received_at, 'reported', source, '') AS h1
    FROM staged_case s
), chained AS (
    SELECT l.*, event_hash(h1, id, 2, CAST(:at AS timestamptz), decided, :by, target) AS h2 FROM listed l
), ended AS (
    SELECT c.*, event_hash(h2, id, 3, closed_at, 'closed', :by, '') AS h3 FROM chained c
)
INSERT INTO case_event (case_id, received_on, seq, at, kind, by, note, hash)
SELECT id, received_on, 1, received_at, 'reported', source, '', h1 FROM ended
UNION ALL SELECT id, received_on, 2, CAST(:at AS timestamptz), decided, :by, target, h2 FROM ended
UNION ALL SELECT id, received_on, 3, closed_at, 'closed', :by, '', h3 FROM ended WHERE closed_at IS NOT NULL
