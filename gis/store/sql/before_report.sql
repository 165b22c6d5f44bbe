SELECT version, (SELECT coalesce(max(id), 0) FROM part) AS newest_part, k.digest, k.received_on, k.case_id
FROM register_state LEFT JOIN case_key k ON k.namespace = :namespace AND k.key = :key
