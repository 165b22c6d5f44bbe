SELECT d.*, r.title AS release_title, r.document AS release_document, r.line_accuracy_m,
       u.code AS rule, u.reason AS rule_reason, u.reason_en AS rule_reason_en,
       lower(u.validity) AS rule_from, q.reason AS precedent_reason
FROM decision d
LEFT JOIN release r ON r.id = d.release_id
LEFT JOIN rule u ON u.id = d.rule_id
LEFT JOIN precedent q ON q.id = d.precedent_id
WHERE d.received_on = :day AND d.case_id = :id
ORDER BY d.seq DESC
LIMIT 1
