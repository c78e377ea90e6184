"""A pod without a cluster: real processes in namespaces, and in a cgroup named as the kubelet does.

A container's root is the machine's own files, with a small file system of its own on `/mnt`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

_MEMORY: Final = Path("/sys/fs/cgroup/memory")
_CGROUPS: Final = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
VOLUME: Final = PurePosixPath("/mnt/volume")
ROOM_MIB: Final = 96

# As runc does it: into the cgroup, its own mounts, the kubelet's file for its last words, the root.
_MADE: Final = """
set -e
echo 0 > "$1/cgroup.procs"
mount --rbind / "$2"
eval "$4"
mkdir "$2/mnt/volume" "$2/mnt/clock"
touch "$2/mnt/last-words"
mount --bind "$3" "$2/mnt/last-words"
shift 4
exec "$@"
"""
TMPFS: Final = f'mount -t tmpfs -o size={ROOM_MIB}m none "$2/mnt"'


def unable() -> str | None:
    """Say why this machine cannot have such a pod; None if it can."""
    for program in ("unshare", "chroot", "mount", "sleep"):
        if shutil.which(program) is None:
            return f"there is no program {program}"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    if tried.returncode != 0:
        return f"namespaces cannot be made here: {tried.stderr.decode().strip()}"
    return None if _cgroups() else "there are no cgroups that can be written"


def unable_to_limit() -> str | None:
    """Say why this machine cannot limit such a pod's memory; None if it can."""
    if os.access(_MEMORY / "cgroup.procs", os.W_OK):
        return unable()
    return "there are no memory cgroups of version 1 that can be written"


def _cgroups() -> Path | None:
    found = (Path(each) for each in _CGROUPS)
    return next((each for each in found if os.access(each / "cgroup.procs", os.W_OK)), None)


@dataclass
class Container:
    """One start of a container: `pid` is its main process, as the machine numbers it."""

    pid: int
    process: subprocess.Popen[bytes]
    memory: Path | None = None
    """The cgroup that its memory is counted in, where it is limited."""

    def path(self, inside: PurePosixPath) -> Path:
        """Say where a file of the container is, seen from outside."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def lives(self) -> bool:
        """Say whether it still runs."""
        return self.process.poll() is None

    def kills_for_memory(self) -> int:
        """Say how often the kernel killed somebody in it since there was no more memory."""
        return self._memory_says("memory.oom_control", "oom_kill ")

    def others_in_memory(self) -> set[int]:
        """Give who else is in its cgroup, where its memory is limited."""
        if self.memory is None:
            return set()
        return {int(each) for each in (self.memory / "cgroup.procs").read_text().split()} - {
            self.pid
        }

    def memory_bytes(self) -> int:
        """Say how much memory is counted for it."""
        return self._memory_says("memory.usage_in_bytes", "")

    def _memory_says(self, file: str, name: str) -> int:
        assert self.memory is not None
        said = (self.memory / file).read_text().splitlines()
        return next(int(line.removeprefix(name)) for line in said if line.startswith(name))


@dataclass
class Pod:
    """A pod with its sandbox; containers are started by the test."""

    uid: str
    cgroup: Path
    folder: Path
    pause: subprocess.Popen[bytes]
    started: list[Container] = field(default_factory=list)

    @staticmethod
    @contextlib.contextmanager
    def made(folder: Path, uid: str | None = None) -> Iterator["Pod"]:
        """Make one with its sandbox, and take it away with all of its containers."""
        uid = uid or str(uuid.uuid4())
        above = _cgroups()
        assert above is not None
        cgroup = above / f"pod{uid}"
        (cgroup / "sandbox").mkdir(parents=True)
        pause = subprocess.Popen(["sleep", "600"])
        (cgroup / "sandbox" / "cgroup.procs").write_text(str(pause.pid))
        pod = Pod(uid, cgroup, folder, pause)
        try:
            yield pod
        finally:
            pod.end()

    def start(
        self,
        program: Sequence[str] = ("sleep", "600"),
        *,
        name: str = "app",
        env: Mapping[str, str] | None = None,
        mount: str = TMPFS,
        limit_mib: int | None = None,
        killed_first: bool = True,
    ) -> Container:
        """Start a container, or start it again, with a main process of its own.

        `killed_first`: as the kubelet has it for what may have more memory than it asks for.
        """
        number = len(self.started)
        cgroup = self.cgroup / f"container-{number}"
        cgroup.mkdir()
        root = self.folder / f"root-{number}"
        root.mkdir()
        last_words = self.folder / "pods" / self.uid / "containers" / name / f"{number:08x}"
        last_words.parent.mkdir(parents=True, exist_ok=True)
        last_words.touch()
        # What is mounted for it goes with its namespace.
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        memory = None if limit_mib is None else self._limited(number, limit_mib)
        before = "" if memory is None else f'echo 0 > "{memory}/cgroup.procs"\n'
        if killed_first:
            before += "echo 990 > /proc/self/oom_score_adj\n"
        made = ["sh", "-c", _MADE, "sh", str(cgroup), str(root), str(last_words), before + mount]
        process = subprocess.Popen(
            [*unshare, *made, "chroot", str(root), *program],
            env=None if env is None else {**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        container = Container(0, process, memory)
        self.started.append(container)
        container.pid = _main_of(process, root)
        return container

    def _limited(self, number: int, mib: int) -> Path:
        memory = _MEMORY / f"pod{self.uid}" / f"container-{number}"
        memory.mkdir(parents=True)
        (memory / "memory.limit_in_bytes").write_text(str(mib << 20))
        return memory

    def end(self) -> None:
        """Kill all of it."""
        for each in self.started:
            if each.pid and each.lives():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)
            each.process.kill()
            each.process.communicate()
        self.pause.kill()
        self.pause.wait()
        for above in (self.cgroup, _MEMORY / self.cgroup.name):
            if above.is_dir():
                for cgroup in (*(each for each in above.iterdir() if each.is_dir()), above):
                    _remove(cgroup)


def _main_of(process: subprocess.Popen[bytes], root: Path) -> int:
    """Wait until the process has its root, and give its pid."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        assert process.poll() is None, "the container was not made"
        for pid in children.read_text().split():
            with contextlib.suppress(FileNotFoundError):
                if Path(f"/proc/{pid}/root").readlink() == root:
                    return int(pid)
    raise AssertionError("the container did not begin")


def _remove(cgroup: Path) -> None:
    """Remove a cgroup, whose last process may have ended just now."""
    ends = time.monotonic() + 5
    while True:
        try:
            cgroup.rmdir()
        except OSError:
            if time.monotonic() > ends:
                raise
        else:
            return
