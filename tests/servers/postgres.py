"""A throw-away Postgres on a free loopback port."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg

DEBIAN = "/usr/lib/postgresql/15/bin"
PASSWORD = "s3cret-of-a-test"
START_DEADLINE = 20.0


@dataclass(frozen=True)
class Postgres:
    """A database server; its superuser is ``postgres``, the password PASSWORD."""

    port: int

    def dsn(
        self, user: str = "postgres", password: str = PASSWORD, database: str = "postgres"
    ) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Yield a running, empty server; as root it is run by user ``postgres``."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        directory = Path(name)
        data, log, secret = directory / "data", directory / "log", directory / "password"
        secret.write_text(PASSWORD)
        _hand_over(directory, secret)
        _run(
            "initdb", "--no-sync", "--username=postgres", "--auth=scram-sha-256",
            "--encoding=UTF8", f"--pwfile={secret}", f"--pgdata={data}",
        )  # fmt: skip
        with log.open("wb") as output, _running(data, _free_port(), output) as server:
            _wait_until_ready(*server, log)
            yield server[1]


@contextmanager
def _running(
    data: Path, port: int, output: IO[bytes]
) -> Iterator[tuple[subprocess.Popen[bytes], Postgres]]:
    server = subprocess.Popen(
        [_program("postgres"), "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"],
        stderr=output,
        **_unprivileged(),
    )
    try:
        yield server, Postgres(port)
    finally:
        server.send_signal(signal.SIGINT)  # fast: it does not wait for clients
        server.wait(timeout=START_DEADLINE)


def _wait_until_ready(process: subprocess.Popen[bytes], server: Postgres, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with closing(psycopg.connect(server.dsn(), connect_timeout=2)):
                return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError(f"postgres did not start:\n{log.read_text()}")


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{DEBIAN}")
    if not found:
        raise AssertionError(f"no {name}: install Postgres (Debian: apt-get install postgresql)")
    return found


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [_program(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        **_unprivileged(),
    )
    assert done.returncode == 0, done.stderr


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


def _hand_over(*paths: Path) -> None:
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port
