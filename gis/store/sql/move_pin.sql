UPDATE cases
SET geom = ST_SetSRID(ST_MakePoint(:x, :y), ST_SRID(geom)), quad = :quad, placement = CAST(:placement AS bigint[]),
    status = :status
WHERE received_on = :day AND id = :id
