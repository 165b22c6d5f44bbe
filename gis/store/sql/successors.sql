-- The newest choice for each ending area of a release counts; only active releases speak.
SELECT DISTINCT ON (r.valid_from, s.event_id, c.ending) c.ending, c.successor, r.valid_from, r.id AS release_id
FROM release r
JOIN release_state s ON s.release_id = r.id AND s.step = 'active'
JOIN release_successor c ON c.release_id = r.id
ORDER BY r.valid_from, s.event_id, c.ending, c.id DESC
