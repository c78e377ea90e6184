"""The audit trail: events in a chain, snapshots, and the views that people read.

The SQL is beside it, a file for each thing, in the order of their names.
"""

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = files("ooda.recorder.migrations") / "sql" / "0001"


def upgrade() -> None:
    """Create everything, and the first partition."""
    for name in ("functions", "tables", "fences", "snapshots", "views"):
        _execute((_SQL / f"{name}.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop everything, with all that was recorded."""
    _execute((_SQL / "drop.sql").read_text(encoding="utf-8"))


def _execute(script: str) -> None:
    # Past SQLAlchemy, which would take the colons and percent signs of the script for its own.
    op.get_bind().exec_driver_sql(script.replace("%", "%%"))
