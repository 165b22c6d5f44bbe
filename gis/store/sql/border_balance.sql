-- The newest decision of each case exactly on a border of the level, by the area that the tie named.
SELECT a.code AS area,
       count(*) FILTER (WHERE d.outcome = 'located' AND d.settled_by IN ('territory', 'part', '')) +
       count(*) FILTER (WHERE d.outcome = 'located' AND d.settled_by = 'rule' AND u.place NOT LIKE 'road:%') AS tie,
       count(*) FILTER (WHERE d.outcome = 'located' AND d.settled_by = 'rule' AND u.place LIKE 'road:%') AS road,
       count(*) FILTER (WHERE d.outcome = 'located' AND d.settled_by = 'rule' AND u.place LIKE 'road:%'
                            AND cardinality(d.assisting) > 0) AS joint,
       count(*) FILTER (WHERE d.outcome = 'located' AND d.settled_by = 'precedent') AS precedent,
       count(*) FILTER (WHERE d.outcome = 'located' AND d.settled_by = 'person') AS person,
       count(*) FILTER (WHERE d.outcome = 'border_desk') AS desk
FROM (
    SELECT DISTINCT ON (received_on, case_id) * FROM decision
    WHERE received_on >= :since ORDER BY received_on, case_id, seq DESC
) d
JOIN area a ON a.id = d.area_ids[:depth]
LEFT JOIN rule u ON u.id = d.rule_id
WHERE d.on_borders[:depth]
GROUP BY a.code
ORDER BY a.code
