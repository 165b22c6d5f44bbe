-- Who got a case next is the lead of the first decision after the return that went out to a unit.
SELECT r.unit AS returned_by, coalesce(n.unit, '') AS went_to, r.reason_code, count(*) AS n
FROM case_return r
LEFT JOIN LATERAL (
    SELECT coalesce(d.unit, d.forward_to) AS unit FROM decision d
    WHERE d.received_on = r.received_on AND d.case_id = r.case_id AND d.decided_at > r.at AND d.outcome = 'located'
    ORDER BY d.seq LIMIT 1
) n ON true
WHERE r.at >= CAST(:since AS date)
GROUP BY 1, 2, 3
ORDER BY 4 DESC, 1, 2, 3
