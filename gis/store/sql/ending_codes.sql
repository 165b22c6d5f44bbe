WITH ending AS (
    SELECT a.code FROM release_area m JOIN area a ON a.id = m.area_id WHERE m.release_id = :base
    EXCEPT
    SELECT a.code FROM release_area m JOIN area a ON a.id = m.area_id WHERE m.release_id = :id
), live AS (
    SELECT t.area_code AS code FROM territory t, release r
    WHERE r.id = :id AND t.validity && daterange(r.valid_from, NULL)
    UNION
    SELECT t.area FROM rule t, release r
    WHERE r.id = :id AND t.area <> '' AND t.validity && daterange(r.valid_from, NULL)
)
SELECT code FROM ending JOIN live USING (code) ORDER BY code
