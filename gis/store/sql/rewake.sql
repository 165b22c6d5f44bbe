-- An active release is in force from its valid_from to that of the next active one; a row is awake while a release that
-- holds it is in force. Two active releases of one day: the later woken one is in force, the other for no day at all.
WITH active AS (
    SELECT r.id, r.valid_from,
           lead(r.valid_from) OVER (ORDER BY r.valid_from, s.event_id) AS until
    FROM release r JOIN release_state s ON s.release_id = r.id
    WHERE s.step = 'active'
), wanted AS (
    SELECT m.{table}_id AS id, range_agg(daterange(a.valid_from, a.until)) AS days
    FROM active a JOIN release_{table} m ON m.release_id = a.id
    WHERE a.until IS NULL OR a.until > a.valid_from
    GROUP BY m.{table}_id
), now AS (
    SELECT t.id, coalesce(range_merge(w.days), 'empty'::daterange) AS validity
    FROM {table} t LEFT JOIN wanted w USING (id)
)
UPDATE {table} t SET validity = now.validity
FROM now
WHERE now.id = t.id AND t.validity <> now.validity
