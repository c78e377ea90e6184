CREATE TABLE events (
    position bigint NOT NULL PRIMARY KEY,
    previous_hash bytea NOT NULL,
    row_hash bytea NOT NULL,
    account text NOT NULL,
    stream text NOT NULL,
    stream_sequence bigint NOT NULL,
    subject text NOT NULL,
    event_id text NOT NULL,
    incident_id text,
    anomaly_id text,
    namespace text,
    occurred_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    trace_id text,
    payload bytea NOT NULL,
    body jsonb GENERATED ALWAYS AS (payload_as_json(payload)) STORED
) PARTITION BY RANGE (position);
CREATE INDEX events_incident ON events (incident_id, position);
CREATE INDEX events_anomaly ON events (anomaly_id, position);
CREATE INDEX events_subject ON events (subject, position);
CREATE INDEX events_stored ON events (stored_at);

-- Where the chain ends. The recorder locks this row to append: two can never fork the chain.
CREATE TABLE chain_head (
    singleton boolean NOT NULL PRIMARY KEY CONSTRAINT one_row CHECK (singleton),
    position bigint NOT NULL,
    row_hash bytea NOT NULL
);
INSERT INTO chain_head VALUES (true, 0, decode(repeat('00', 32), 'hex'));

-- The last hash of each partition that is full: what the next one is verified from.
CREATE TABLE chain_checkpoints (
    first_position bigint NOT NULL PRIMARY KEY,
    last_position bigint NOT NULL UNIQUE,
    last_hash bytea NOT NULL,
    closed_at timestamptz NOT NULL
);
