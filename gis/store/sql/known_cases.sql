-- Of the staged reports those whose keys are stored already, and how far from the spot first reported they lie now; OFFSET 0
-- looks each up by the index, however many there are.
SELECT s.key, k.case_id, k.digest = decode(s.digest, 'hex') AS same, d.metres
FROM staged_case s
CROSS JOIN LATERAL (
    SELECT case_id, received_on, digest FROM case_key WHERE namespace = :namespace AND key = s.key OFFSET 0
) k
CROSS JOIN LATERAL (
    SELECT sqrt((x - s.x) ^ 2 + (y - s.y) ^ 2) AS metres FROM decision
    WHERE received_on = k.received_on AND case_id = k.case_id AND seq = 1 OFFSET 0
) d
