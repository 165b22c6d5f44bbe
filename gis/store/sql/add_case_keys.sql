INSERT INTO case_key (namespace, key, digest, received_on, case_id)
SELECT :namespace, key, decode(digest, 'hex'), received_on, id FROM staged_case
