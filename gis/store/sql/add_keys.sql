-- The staged keys get a case each, in their order; told by the first and the last number, or one by one where others took
-- numbers in between.
WITH added AS (
    INSERT INTO case_key (namespace, key, digest, received_on, case_id)
    SELECT CAST(:namespace AS text), key, decode(digest, 'hex'), received_on, nextval('gridward.case_id')
    FROM (SELECT * FROM staged_key ORDER BY nth) s
    RETURNING case_id
)
SELECT min(case_id) AS first, max(case_id) AS last, count(*) AS n,
       CASE WHEN max(case_id) - min(case_id) >= count(*) THEN array_agg(case_id ORDER BY case_id) END AS ids
FROM added
