"""The audit database's tables and views: the one declaration, for the recorder and for readers.

Migrations of the recorder create what is declared here; ``alembic check`` compares the two. The
views are declared as what they give; their SQL is in the migrations.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

_MOMENT = sa.DateTime(timezone=True)

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("previous_hash", sa.LargeBinary, nullable=False),
    sa.Column("row_hash", sa.LargeBinary, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("stream_sequence", sa.BigInteger, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("incident_id", sa.Text),
    sa.Column("anomaly_id", sa.Text),
    sa.Column("namespace", sa.Text),
    sa.Column("occurred_at", _MOMENT, nullable=False),
    sa.Column("stored_at", _MOMENT, nullable=False),
    sa.Column("recorded_at", _MOMENT, nullable=False),
    sa.Column("trace_id", sa.Text),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    # Computed from what is hashed, so that nobody can make the views say something else.
    sa.Column("body", JSONB, sa.Computed("payload_as_json(payload)", persisted=True)),
    sa.Index("events_incident", "incident_id", "position"),
    sa.Index("events_anomaly", "anomaly_id", "position"),
    sa.Index("events_subject", "subject", "position"),
    sa.Index("events_stored", "stored_at"),
    postgresql_partition_by="RANGE (position)",
)

chain_head = sa.Table(
    "chain_head",
    metadata,
    sa.Column("singleton", sa.Boolean, sa.CheckConstraint("singleton", name="one_row"),
              primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("row_hash", sa.LargeBinary, nullable=False),
)  # fmt: skip

chain_checkpoints = sa.Table(
    "chain_checkpoints",
    metadata,
    sa.Column("first_position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_position", sa.BigInteger, nullable=False, unique=True),
    sa.Column("last_hash", sa.LargeBinary, nullable=False),
    sa.Column("closed_at", _MOMENT, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("namespace", sa.Text),
    sa.Column("occurred_at", _MOMENT, nullable=False),
    sa.Column("recorded_at", _MOMENT, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("payload", sa.LargeBinary),
    sa.Index("snapshots_occurred", "occurred_at"),
    sa.Index("snapshots_whole", "recorded_at", postgresql_where=sa.text("payload IS NOT NULL")),
)

incidents = sa.table(
    "incidents",
    sa.column("incident_id", sa.Text),
    sa.column("namespace", sa.Text),
    sa.column("opened_at", _MOMENT),
    sa.column("closed_at", _MOMENT),
    sa.column("closure", sa.Text),
    sa.column("failure_class", sa.Text),
    sa.column("component", sa.Text),
    sa.column("confidence", sa.Double),
    sa.column("attempts", sa.Integer),
    sa.column("actions", sa.Integer),
    sa.column("summary", sa.Text),
)

incident_timeline = sa.table(
    "incident_timeline",
    sa.column("incident_id", sa.Text),
    sa.column("position", sa.BigInteger),
    sa.column("stored_at", _MOMENT),
    sa.column("occurred_at", _MOMENT),
    sa.column("subject", sa.Text),
    sa.column("summary", sa.Text),
    sa.column("event_id", sa.Text),
    sa.column("trace_id", sa.Text),
    sa.column("body", JSONB),
)

actions = sa.table(
    "actions",
    sa.column("action_id", sa.Text),
    sa.column("incident_id", sa.Text),
    sa.column("namespace", sa.Text),
    sa.column("action", sa.Text),
    sa.column("target", sa.Text),
    sa.column("risk", sa.Text),
    sa.column("started_at", _MOMENT),
    sa.column("recorded_at", _MOMENT),
    sa.column("applied_at", _MOMENT),
    sa.column("undone_at", _MOMENT),
    sa.column("executed_at", _MOMENT),
    sa.column("outcome", sa.Text),
    sa.column("reason", sa.Text),
    sa.column("wrote", sa.Boolean),
    sa.column("row_hash", sa.LargeBinary),
)

open_reviews = sa.table(
    "open_reviews",
    sa.column("review_id", sa.Text),
    sa.column("incident_id", sa.Text),
    sa.column("namespace", sa.Text),
    sa.column("requested_at", _MOMENT),
    sa.column("expires_at", _MOMENT),
    sa.column("failure_class", sa.Text),
    sa.column("component", sa.Text),
    sa.column("confidence", sa.Double),
    sa.column("question", sa.Text),
    sa.column("reason", sa.Text),
    sa.column("proposal", sa.Text),
)
