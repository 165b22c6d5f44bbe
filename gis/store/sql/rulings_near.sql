SELECT r.received_on, r.case_id, r.kind, r.at, r.by, r.category, r.from_unit, r.unit, r.reason,
       ST_Distance(r.geom, spot.geom) AS distance,
       (SELECT max(p.id) FROM precedent p WHERE p.received_on = r.received_on AND p.case_id = r.case_id) AS precedent
FROM ruling r, (SELECT ST_SetSRID(ST_MakePoint(:x, :y), Find_SRID('gridward', 'ruling', 'geom')) AS geom) spot
WHERE ST_DWithin(r.geom, spot.geom, :metres)
ORDER BY distance, r.at DESC
LIMIT :limit
