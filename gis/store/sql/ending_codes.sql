SELECT a.code FROM release_area m JOIN area a ON a.id = m.area_id WHERE m.release_id = :base
EXCEPT
SELECT a.code FROM release_area m JOIN area a ON a.id = m.area_id WHERE m.release_id = :id
ORDER BY code
