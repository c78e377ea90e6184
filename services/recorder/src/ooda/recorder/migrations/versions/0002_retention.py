"""Retention: old partitions of the trail can be dropped by the recorder, but not young ones."""

from importlib.resources import files

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQL = files("ooda.recorder.migrations") / "sql" / "0002"


def upgrade() -> None:
    """Create the function; the trail is left as it is."""
    script = (_SQL / "retention.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(script.replace("%", "%%"))


def downgrade() -> None:
    """Drop the function."""
    op.execute("DROP FUNCTION drop_events_recorded_before(interval)")
