CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON chain_checkpoints
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON chain_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION head_only_advances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position <= OLD.position THEN
        RAISE EXCEPTION 'the head of the chain only advances'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER advances BEFORE UPDATE ON chain_head
    FOR EACH ROW EXECUTE FUNCTION head_only_advances();
CREATE TRIGGER stays BEFORE DELETE ON chain_head
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON chain_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Runs as the owner: the recorder's role may not create tables. Made apart and attached, because
-- attaching does not wait for those who read. Uniqueness is per partition, since Postgres wants the
-- partition key in it otherwise; across partitions the recorder looks before it appends.
CREATE FUNCTION open_events_partition(first_position bigint, size bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'events_p' || first_position;
    until bigint := first_position + size;
BEGIN
    IF to_regclass(format('public.%I', name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', name);
    EXECUTE format('CREATE UNIQUE INDEX ON %I (stream, event_id)', name);
    EXECUTE format('CREATE UNIQUE INDEX ON %I (stream, stream_sequence, stored_at)', name);
    EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT bounds CHECK (position >= %s AND position < %s)',
        name, first_position, until);
    EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
        name, first_position, until);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT bounds', name);
END $$;
REVOKE EXECUTE ON FUNCTION open_events_partition(bigint, bigint) FROM PUBLIC;
