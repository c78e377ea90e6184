"""The entry point of our Postgres image, run for real with Debian's Postgres of that version."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from servers.processes import free_port, wait_until

SCRIPT = Path(__file__).parents[3] / "testbed/images/postgres/docker-entrypoint.sh"
PROGRAMS = Path("/usr/lib/postgresql/15/bin")
SCRIPTS = "/docker-entrypoint-initdb.d"
IDENTITY = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "initdb").exists() or os.geteuid() != 0,
    reason="needs Debian's Postgres 15, and root to become its user",
)


@dataclass(frozen=True)
class Container:
    """What the entry point sees: its folders, its environment; the scripts' folder is ours."""

    folder: Path
    port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def add_script(self, name: str, text: str) -> None:
        (self.folder / "scripts" / name).write_text(text)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the entry point in a session of its own."""
        script = self.folder / "docker-entrypoint.sh"
        script.write_text(SCRIPT.read_text().replace(SCRIPTS, str(self.folder / "scripts")))
        given = {
            "PATH": f"{PROGRAMS}:/usr/bin:/bin",
            "PGDATA": str(self.data),
            "PGPORT": str(self.port),
            "POSTGRES_USER": "ooda",
            "POSTGRES_PASSWORD": "secret",
            "POSTGRES_DB": "shop",
        }
        log = (self.folder / "log").open("ab")
        with log:
            return subprocess.Popen(
                [*IDENTITY, "bash", str(script), *command],
                env={name: value for name, value in {**given, **environment}.items() if value},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    @contextmanager
    def running(self) -> Iterator[psycopg.Connection]:
        """Yield a connection over TCP, by password, to the server that the entry point became."""
        server = self.start()
        try:
            wait_until(lambda: self._answers(server), self.log(), 40)
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                yield connection
        finally:
            server.send_signal(signal.SIGINT)  # the image's STOPSIGNAL
            server.wait(20)

    def end_temporary(self) -> None:
        """End the server of an initialisation; in a container it goes with the first process."""
        pid_file = self.data / ".initialising/postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)  # no checkpoint
            wait_until(lambda: not pid_file.exists(), "the end of the temporary server")

    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def _dsn(self) -> str:
        return f"postgresql://ooda:secret@127.0.0.1:{self.port}/shop"

    def _answers(self, server: subprocess.Popen[bytes]) -> bool:
        assert server.poll() is None, self.log()
        try:
            psycopg.connect(self._dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def container() -> Iterator[Container]:
    # Not under pytest's own folder, which only root may enter.
    folder = Path(tempfile.mkdtemp(prefix="postgres-entrypoint-"))
    (folder / "scripts").mkdir()
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    try:
        made = Container(folder, free_port())
        yield made
        made.end_temporary()
    finally:
        shutil.rmtree(folder)


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_it_makes_the_database_and_runs_the_scripts(container: Container) -> None:
    container.add_script("1.sql", "CREATE TABLE seen AS SELECT current_database() AS name;")
    container.add_script("2.sh", "psql -d $POSTGRES_DB -c \"INSERT INTO seen VALUES ('shell')\"\n")
    container.add_script("3.txt", "no script")
    with container.running() as connection:
        assert one(connection, "SELECT array_agg(name::text) FROM seen") == ["shop", "shell"]
        assert one(connection, "SHOW password_encryption") == "scram-sha-256"
        assert one(connection, "SHOW server_encoding") == "UTF8"
    assert not (container.data / ".initialising").exists()


def test_data_stay_over_a_restart_and_scripts_run_once(container: Container) -> None:
    container.add_script("1.sql", "CREATE TABLE kept (n int);")
    with container.running() as connection:
        connection.execute("INSERT INTO kept VALUES (7)")
    with container.running() as connection:
        assert one(connection, "SELECT n FROM kept") == 7


def test_killed_half_way_it_begins_anew(container: Container) -> None:
    reached = container.folder / "reached"
    container.add_script("1.sql", "CREATE TABLE made (n int);")
    container.add_script("2.sh", f"[ -e {reached} ] && exit; touch {reached}; exec sleep 60\n")
    half = container.start()
    wait_until(reached.exists, "the second script", 40)
    os.killpg(half.pid, signal.SIGKILL)
    half.wait()
    container.end_temporary()
    assert not (container.data / "PG_VERSION").exists()
    with container.running() as connection:
        assert one(connection, "SELECT count(*) FROM made") == 0


def test_killed_while_the_files_got_their_place_it_begins_anew(container: Container) -> None:
    (container.data / "base/1").mkdir(parents=True)
    (container.data / "base/1/112").write_text("of the database before")
    (container.data / "postgresql.conf").write_text("nonsense")
    (container.data / "lost+found").mkdir()
    owner = pwd.getpwnam("postgres")
    for path in (container.data, *container.data.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    with container.running() as connection:
        assert one(connection, "SELECT current_user::text") == "ooda"
    assert (container.data / "lost+found").is_dir()


@pytest.mark.parametrize(
    ("name", "text"), [("1.sql", "SELECT no_such_function();"), ("1.sh", "exit 5")]
)
def test_a_failing_script_leaves_no_database(container: Container, name: str, text: str) -> None:
    container.add_script(name, text)
    assert container.start().wait(40) != 0
    assert not (container.data / "PG_VERSION").exists()


def test_without_a_password_nothing_is_made(container: Container) -> None:
    assert container.start(POSTGRES_PASSWORD="").wait(10) != 0
    assert "set POSTGRES_PASSWORD to initialise the database" in container.log()
    assert not container.data.exists()


def test_another_command_is_run_as_it_is(container: Container) -> None:
    assert container.start("sh", "-c", "echo ran as $(id -un)").wait(10) == 0
    assert container.log() == "ran as postgres\n"
    assert not container.data.exists()
