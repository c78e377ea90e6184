"""A real NATS server on a free loopback port, for as long as a test needs it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SERVER = Path(sys.executable).parent / "nats-server"
USER = "ooda"
PASSWORD = "s3cret-of-a-test"
START_DEADLINE = 10.0


@contextmanager
def nats(directory: Path, *, jetstream: bool = True) -> Iterator[str]:
    """Yield the URL of a server that lets USER in with PASSWORD and stores in ``directory``."""
    storage = ["-js", "-sd", str(directory / "jetstream")] if jetstream else []
    with started(directory, ["--user", USER, "--pass", PASSWORD, *storage]) as ports:
        yield ports["nats"]


@contextmanager
def started(
    directory: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[Mapping[str, str]]:
    """Start nats-server with ``arguments``; yield the first address of each of its listeners."""
    command = [str(SERVER), "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(directory)]
    log = directory / "nats.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *arguments], env=environment, stderr=output)
        try:
            yield _listeners(process, directory / f"nats-server_{process.pid}.ports", log)
        finally:
            process.terminate()
            process.wait(timeout=START_DEADLINE)


def _listeners(process: subprocess.Popen[bytes], ports: Path, log: Path) -> Mapping[str, str]:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        if ports.exists() and (written := ports.read_text()):
            return {name: urls[0] for name, urls in json.loads(written).items()}
        time.sleep(0.02)
    raise AssertionError(f"nats-server did not start:\n{log.read_text()}")
