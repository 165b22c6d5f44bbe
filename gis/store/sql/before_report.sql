-- What must be held and known before one report is decided, in one journey to the server: each statement sees what was
-- committed when the locks before it were taken.
SELECT pg_advisory_xact_lock(320404003, hashtext(%(namespace)s)) WHERE %(namespace)s <> '';
SELECT pg_advisory_xact_lock_shared(320404002), open_month(CAST(%(day)s AS date));
SELECT version, (SELECT coalesce(max(id), 0) FROM part) AS newest_part, k.digest, k.received_on, k.case_id
FROM register_state LEFT JOIN case_key k ON k.namespace = %(namespace)s AND k.key = %(key)s
