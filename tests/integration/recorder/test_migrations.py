import os
import subprocess
import sys

import psycopg
import pytest
from alembic import command

from ooda.recorder.migrate import alembic_config, main, migrate
from servers.postgres import PASSWORD
from servers.processes import free_port
from servers.trail import ROLE_PASSWORD, Database


def _tables(database: Database) -> set[str]:
    with psycopg.connect(database.dsn()) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relname <> 'alembic_version' AND relkind IN ('r', 'p', 'v')"
            " UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
        return {str(name) for (name,) in found}


def test_the_schema_goes_up_and_down_and_leaves_nothing(empty: Database) -> None:
    config = alembic_config(empty.url())
    command.upgrade(config, "head")
    assert {"events", "incidents", "open_events_partition"} <= _tables(empty)
    command.downgrade(config, "base")
    assert _tables(empty) == set()
    command.upgrade(config, "head")


def test_the_database_is_what_is_declared_with_partitions_too(database: Database) -> None:
    with psycopg.connect(database.dsn()) as connection:
        connection.execute("SELECT open_events_partition(1, 10)")
    command.check(alembic_config(database.url()))


def test_migrating_again_changes_nothing(database: Database) -> None:
    before = _tables(database)
    migrate(database.migration())
    assert _tables(database) == before


def test_jobs_at_once_do_not_collide(empty: Database) -> None:
    environment = os.environ | {
        "OODA_POSTGRES__URL": str(empty.settings().url),
        "OODA_POSTGRES__USER": "postgres",
        "OODA_POSTGRES__PASSWORD": PASSWORD,
        "OODA_RECORDER_PASSWORD": ROLE_PASSWORD,
        "OODA_READER_PASSWORD": ROLE_PASSWORD,
    }
    program = "import sys; from ooda.recorder.migrate import main; sys.exit(main())"
    jobs = [subprocess.Popen([sys.executable, "-c", program], env=environment) for _ in range(3)]
    assert [job.wait(timeout=40) for job in jobs] == [0, 0, 0]
    command.check(alembic_config(empty.url()))


def test_a_job_that_cannot_reach_the_database_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OODA_POSTGRES__URL", f"postgresql://127.0.0.1:{free_port()}/none")
    monkeypatch.setenv("OODA_RECORDER_PASSWORD", ROLE_PASSWORD)
    monkeypatch.setenv("OODA_READER_PASSWORD", ROLE_PASSWORD)
    assert main() == 1


@pytest.mark.parametrize("role", ["recorder", "reader"])
def test_roles_log_in_with_the_passwords_they_were_given(database: Database, role: str) -> None:
    with psycopg.connect(database.dsn(role)) as connection:
        found = connection.execute("SELECT current_user::text, rolsuper FROM pg_roles"
                                   " WHERE rolname = current_user").fetchone()  # fmt: skip
    assert found == (role, False)
