-- The release in force on a day, as it is known now or was known at a moment: steps taken later do not count.
SELECT r.id
FROM release r
CROSS JOIN LATERAL (
    SELECT e.id AS event_id, e.step FROM release_event e
    WHERE e.release_id = r.id AND (CAST(:known AS timestamptz) IS NULL OR e.at < :known)
    ORDER BY e.id DESC LIMIT 1
) s
WHERE s.step = 'active' AND r.valid_from <= :day
ORDER BY r.valid_from DESC, s.event_id DESC
LIMIT 1
