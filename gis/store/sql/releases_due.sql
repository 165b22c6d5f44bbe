-- A withdrawal after an effect makes the next activation due again.
SELECT r.id
FROM release r JOIN release_state s ON s.release_id = r.id
WHERE s.step = 'active' AND r.valid_from <= :today
  AND NOT EXISTS (SELECT FROM release_effect e WHERE e.release_id = r.id AND e.step = 'active' AND e.at >= s.at)
ORDER BY r.valid_from, s.event_id
