"""A throw-away Postgres on a free loopback port, one that can be stopped and started."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.processes import free_port, installed

PASSWORD = "only-for-tests"


@dataclass(frozen=True)
class Postgres:
    """A database server; its superuser is `postgres`, its password PASSWORD."""

    programs: Path
    directory: Path
    port: int

    def dsn(
        self, user: str = "postgres", password: str = PASSWORD, database: str = "postgres"
    ) -> str:
        """Return a connection URL."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        options = f"-F -h 127.0.0.1 -p {self.port} -k ''"
        self._control("start", "-o", options, "-l", str(self.directory / "log"))

    def stop(self) -> None:
        """Stop the server at once; its clients lose their connections."""
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        _run([self.programs / "pg_ctl", "-D", self.directory / "data", "-w", *arguments])


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Yield a running, empty Postgres that lives as long as the block."""
    found = installed(
        [
            *Path("/usr/lib/postgresql").glob("*/bin/initdb"),
            Path(shutil.which("initdb") or "initdb"),
        ],
        "postgresql",
    )
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        password_file = directory / "password"
        password_file.write_text(PASSWORD)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (directory, password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        options = ["--username=postgres", "--no-sync", "--encoding=UTF8", "--auth=scram-sha-256"]
        _run([found, "-D", directory / "data", *options, f"--pwfile={password_file}"])
        server = Postgres(found.parent, directory, free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


def _run(command: list[str | Path]) -> None:
    """Run one of Postgres's programs; they refuse to run as root."""
    if os.geteuid() == 0:
        identity = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        command = [*identity, *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
