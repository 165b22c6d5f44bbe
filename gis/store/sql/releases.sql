SELECT r.id, r.levels, s.step, r.valid_from, r.hash, r.title, r.document, r.source, r.licence, r.synthetic,
       r.line_accuracy_m, r.base_id, s.at, s.by, r.accepted, r.scopes
FROM release r JOIN release_state s ON s.release_id = r.id
ORDER BY r.id
