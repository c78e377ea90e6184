CREATE TABLE snapshots (
    event_id text NOT NULL PRIMARY KEY,
    namespace text,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    payload bytea
);
CREATE INDEX snapshots_occurred ON snapshots (occurred_at);
CREATE INDEX snapshots_whole ON snapshots (recorded_at) WHERE payload IS NOT NULL;

-- Every snapshot is whole at first: that an incident was about to begin is known only later. Those
-- older than `around` keep the digest alone, unless an incident of their namespace was open within
-- that time before or after them. Runs as the owner: the recorder's role may not change rows.
CREATE FUNCTION thin_snapshots(around interval, keep interval, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM snapshots WHERE occurred_at < at - keep;
    UPDATE snapshots AS s SET payload = NULL
    WHERE s.payload IS NOT NULL AND s.recorded_at < at - around
      AND NOT EXISTS (
          SELECT FROM incidents AS i
          WHERE i.namespace = s.namespace
            AND i.opened_at <= s.occurred_at + around
            AND (i.closed_at IS NULL OR i.closed_at >= s.occurred_at - around)
      );
END $$;
REVOKE EXECUTE ON FUNCTION thin_snapshots(interval, interval, timestamptz) FROM PUBLIC;
