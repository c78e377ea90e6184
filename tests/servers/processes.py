"""What throw-away server processes have in common."""

import socket
import time
from collections.abc import Callable
from pathlib import Path


class ServerMissingError(Exception):
    """A server's program is not installed; the text says what to install."""


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def installed(candidates: list[Path], package: str) -> Path:
    """Return the first program that exists; raises ServerMissingError."""
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ServerMissingError(
        f"{candidates[0].name} is not installed; on Debian: apt-get install {package}"
    )


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Return when `ready` says so; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready within {seconds:g} s")
        time.sleep(0.02)


def accepts_connections(port: int) -> bool:
    """Say whether something listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True
