-- A delivery without map features keeps those in force on its first day.
INSERT INTO release_feature
SELECT :release_id, f.id
FROM feature f, release r
WHERE r.id = :release_id AND f.validity @> r.valid_from
