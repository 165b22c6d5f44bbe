-- The staged keys get a case each, in their order.
WITH added AS (
    INSERT INTO case_key (namespace, key, digest, received_on, case_id)
    SELECT CAST(:namespace AS text), key, decode(digest, 'hex'), received_on, nextval('gridward.case_id')
    FROM (SELECT * FROM staged_key ORDER BY nth) s
    RETURNING case_id
)
SELECT coalesce(string_agg(case_id::text, ',' ORDER BY case_id), '') FROM added
