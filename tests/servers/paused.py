"""The process that holds a pod's sandbox, as a node has it: called pause, in the pod's cgroup."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from servers.processes import wait_until
from servers.sandboxes import Place

_CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/pids"))
"""Of version 2, and of version 1 with the controller that has no limits unless told."""


def _root() -> Path | None:
    return next((each for each in _CGROUPS if (each / "cgroup.procs").exists()), None)


def unable() -> str | None:
    """Say why this machine cannot have one; None if it can."""
    root = _root()
    if root is None:
        return "there are no cgroups"
    try:
        (root / "podtest").mkdir()
    except OSError as error:
        return f"cgroups cannot be made here: {error.strerror}"
    (root / "podtest").rmdir()
    return None


@contextlib.contextmanager
def paused(place: Place, pod_uid: str, folder: Path) -> Iterator[int]:
    """Hold the sandbox of a pod in a place; gives the process."""
    root = _root()
    assert root is not None
    pod = root / f"pod{pod_uid}"
    inside = pod / "c1"
    program = folder / "pause"
    shutil.copy2(shutil.which("sleep") or "/bin/sleep", program)
    inside.mkdir(parents=True)
    process = subprocess.Popen(
        ["nsenter", "--target", str(place.pid), "--net", str(program), "600"]
    )
    try:
        (inside / "cgroup.procs").write_text(str(process.pid))
        wait_until(lambda: _name(process.pid) == "pause", "the pause process")
        yield process.pid
    finally:
        process.kill()
        process.wait()
        inside.rmdir()
        pod.rmdir()


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
