-- The parts within ranges of quad keys or of these identifiers. OFFSET 0 asks the index for one range after the other,
-- however small the planner takes the table for.
(
    SELECT DISTINCT n.id FROM (
        SELECT p.id FROM unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) b(low, high)
        CROSS JOIN LATERAL (SELECT id FROM part WHERE quad BETWEEN b.low AND b.high OFFSET 0) p
        UNION ALL
        SELECT p.id FROM unnest(CAST(:picked AS text[])) k(code)
        CROSS JOIN LATERAL (SELECT id FROM part WHERE code = k.code OFFSET 0) p
    ) n
) w CROSS JOIN LATERAL (SELECT * FROM part WHERE part.id = w.id OFFSET 0) part
