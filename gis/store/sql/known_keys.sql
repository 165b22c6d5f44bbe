-- Of the staged keys those that are stored already; OFFSET 0 looks each up by the index, however many there are.
SELECT s.nth, s.key, k.case_id, k.digest = decode(s.digest, 'hex') AS same
FROM staged_key s
CROSS JOIN LATERAL (
    SELECT case_id, digest FROM case_key WHERE namespace = :namespace AND key = s.key OFFSET 0
) k
