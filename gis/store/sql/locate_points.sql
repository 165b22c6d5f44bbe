-- The points that areas of this level cover and no finer one did, each with the area of the lowest path. Within a
-- millimetre of a border, where ST_Covers reckons in plain doubles and may see a point on the wrong side, ST_Relate
-- decides: it is exact. Area by area, so that the prepared polygon serves all its points.
WITH border AS MATERIALIZED (
    SELECT a.id, a.path, a.geom, ST_Boundary(a.geom) AS line
    FROM area a
    JOIN release_area r ON r.area_id = a.id
    WHERE r.release_id = :release_id AND a.level = :level
)
INSERT INTO located_point (i, area_id)
SELECT DISTINCT ON (p.i) p.i, b.id
FROM border b
CROSS JOIN LATERAL (
    SELECT q.i
    FROM asked_point q
    WHERE q.geom && b.geom
      AND CASE WHEN ST_DWithin(b.line, q.geom, 0.001) THEN NOT ST_Relate(q.geom, b.geom, 'FF*FF****')
               ELSE ST_Covers(b.geom, q.geom) END
      AND NOT EXISTS (SELECT FROM located_point l WHERE l.i = q.i)
    OFFSET 0
) p
ORDER BY p.i, b.path COLLATE "C"
