"""Running programs: a deadline for each, output kept, nothing left behind.

Children get a session of their own, so that Ctrl-C reaches only us and we end them in order.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ooda.testbed.errors import CommandFailed

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def run(
    *argv: str,
    deadline: float = 60.0,
    log: Path | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end and return what it wrote to its standard output.

    With `log`, output and errors go to that file (appended) instead, and "" is returned.
    `deadline` is in seconds; `env` is added to our own environment.
    Raises CommandFailed when the program is missing, fails, or is not done in time.
    """
    whole_env = {**os.environ, **env} if env else None
    child = _start(argv, log=log, given=stdin is not None, cwd=cwd, env=whole_env)
    try:
        output, errors = child.communicate(stdin.encode() if stdin is not None else None, deadline)
    except subprocess.TimeoutExpired:
        _end(child)
        raise CommandFailed(
            argv, f"was not done within {deadline:.0f} s", _tail(log), log
        ) from None
    except BaseException:
        _end(child)
        raise
    finally:
        with _lock:
            _running.discard(child)
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe:
                pipe.close()
    text = (output or b"").decode(errors="replace")
    if child.returncode:
        said = (errors or b"").decode(errors="replace") + text if log is None else _tail(log)
        raise CommandFailed(argv, f"failed with code {child.returncode}", said, log)
    return text


def succeeds(*argv: str, deadline: float = 10.0) -> bool:
    """Whether a program can be run and ends with 0."""
    try:
        run(*argv, deadline=deadline)
    except CommandFailed:
        return False
    return True


def end_all() -> None:
    """End every program that is still running (an interrupted run with parallel lanes)."""
    with _lock:
        children = list(_running)
    for child in children:
        _end(child)


def _start(
    argv: tuple[str, ...],
    *,
    log: Path | None,
    given: bool,
    cwd: Path | None,
    env: Mapping[str, str] | None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; `given` says whether it gets any input."""
    out = log.open("ab") if log else None
    try:
        with _lock:  # so that end_all sees every program that was started
            child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if given else subprocess.DEVNULL,
                stdout=out or subprocess.PIPE,
                stderr=out or subprocess.PIPE,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
            _running.add(child)
    except OSError as error:
        raise CommandFailed(argv, "could not be started", str(error), log) from error
    finally:
        if out:
            out.close()
    return child


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the program and its children to end; kill what is left once it has, or will not."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _tail(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        return file.read().decode(errors="replace")
