-- Of the staged keys those that are stored already, and where their reports were first placed (null: in this load). Where
-- no stored key lies between the lowest and the highest of them, as with numbers that count up, none is looked up; OFFSET 0
-- looks each up by the index, however many there are.
SELECT s.nth, s.key, k.case_id, k.digest = decode(s.digest, 'hex') AS same, d.x, d.y
FROM (
    SELECT * FROM staged_key
    WHERE (
        SELECT key FROM case_key WHERE namespace = :namespace AND key >= (SELECT min(key) FROM staged_key)
        ORDER BY key LIMIT 1
    ) <= (SELECT max(key) FROM staged_key)
) s
CROSS JOIN LATERAL (
    SELECT case_id, received_on, digest FROM case_key WHERE namespace = :namespace AND key = s.key OFFSET 0
) k
LEFT JOIN LATERAL (
    SELECT x, y FROM decision WHERE received_on = k.received_on AND case_id = k.case_id AND seq = 1 OFFSET 0
) d ON true
