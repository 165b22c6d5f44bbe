INSERT INTO case_return (received_on, case_id, nth, at, by, unit, reason_code, evidence, proposed)
SELECT :day, :id, 1 + count(*), :at, :by, :unit, :reason_code, :evidence, :proposed
FROM case_return WHERE received_on = :day AND case_id = :id
RETURNING nth
