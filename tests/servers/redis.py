"""A throw-away Redis on a free loopback port."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.processes import accepts_connections, free_port, installed, wait_until


@contextmanager
def redis_server() -> Iterator[str]:
    """Yield the URL of an empty Redis that lives as long as the block."""
    program = installed(
        [Path(shutil.which("redis-server") or "/usr/bin/redis-server")], "redis-server"
    )
    port = free_port()
    listen = ["--port", str(port), "--bind", "127.0.0.1"]
    command = [str(program), *listen, "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: accepts_connections(port), "redis-server")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
