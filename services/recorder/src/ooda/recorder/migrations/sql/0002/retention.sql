-- Drops partitions that are full and whose last row was recorded longer ago than that, the oldest
-- first, so that what is left is one run of positions; verification goes on from the checkpoint.
-- Runs as the owner: the recorder's role may not drop tables. It may not shorten the trail below a
-- week either, whatever it asks for. Detaching waits for those who read, and others would wait
-- behind it: it gives up soon, and is tried again.
CREATE FUNCTION drop_events_recorded_before(keep interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    full_one record;
    name text;
    dropped integer := 0;
BEGIN
    IF keep < interval '7 days' THEN
        RAISE EXCEPTION 'events are kept for 7 days at least, not %', keep
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR full_one IN SELECT first_position, closed_at FROM chain_checkpoints ORDER BY first_position
    LOOP
        EXIT WHEN full_one.closed_at >= now() - keep;
        name := 'events_p' || full_one.first_position;
        IF to_regclass(format('public.%I', name)) IS NOT NULL THEN
            EXECUTE format('ALTER TABLE events DETACH PARTITION %I', name);
            EXECUTE format('DROP TABLE %I', name);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE EXECUTE ON FUNCTION drop_events_recorded_before(interval) FROM PUBLIC;
