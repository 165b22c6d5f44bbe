SELECT r.id
FROM release r JOIN release_state s ON s.release_id = r.id
WHERE s.step = 'active' AND r.valid_from <= :day
ORDER BY r.valid_from DESC, s.event_id DESC
LIMIT 1
