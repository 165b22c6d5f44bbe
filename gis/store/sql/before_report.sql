-- What must be known before one report is decided: the versions of what decides, and the case of its key, if any.
SELECT version, (SELECT coalesce(max(id), 0) FROM part) AS newest_part, k.digest, k.received_on, k.case_id
FROM register_state LEFT JOIN case_key k ON k.namespace = :namespace AND k.key = :key
