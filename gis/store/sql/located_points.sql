-- Every located point with its area and that area's parents, as (i, depth, area_id); depth 0 is the coarsest level.
WITH RECURSIVE member AS MATERIALIZED (
    SELECT a.id, a.code, a.parent, array_position(CAST(:levels AS text[]), a.level) - 1 AS depth
    FROM area a
    JOIN release_area r ON r.area_id = a.id
    WHERE r.release_id = :release_id AND a.level = ANY(CAST(:levels AS text[]))
), answer AS (
    SELECT l.i, m.depth, m.id, m.parent FROM located_point l JOIN member m ON m.id = l.area_id
    UNION ALL
    SELECT a.i, m.depth, m.id, m.parent FROM answer a JOIN member m ON m.code = a.parent AND m.depth = a.depth - 1
)
SELECT i, depth, id AS area_id FROM answer
