"""Sees to a Docker engine that answers: the user's own, or Debian's where there is none.

An engine that we start ourselves writes its state where any Debian engine does; its options
and its log are in our folder. Killed with everything it ran, it starts again: the files that
name dead processes are removed first.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ooda.testbed import docker, host
from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed, Refused, Unready
from ooda.testbed.images.laboratory import Laboratory
from ooda.testbed.layout import Layout
from ooda.testbed.progress import Steps

_START_DEADLINE = 60.0  # seconds
_STOP_DEADLINE = 30.0
_SYSTEM_CONFIG = Path("/etc/docker/daemon.json")
_ENGINE_PID = Path("/run/docker.pid")
_CONTAINERD_PID = Path("/run/docker/containerd/containerd.pid")
_PACKAGES = ("docker.io", "iptables", "e2fsprogs")
_BUILD_PACKAGES = ("mmdebstrap",)


def ensure_engine(layout: Layout, lab: Laboratory, steps: Steps) -> None:
    """Have a Docker engine that answers.

    Raises Refused with the way out, Unready, CommandFailed.
    """
    if docker.answers():
        return
    refusal = _refusal()
    if refusal:
        raise Refused(refusal)
    if shutil.which("dockerd") is None:
        steps.say("No Docker engine here: installing Debian's (docker.io), as root.")
        install_packages(_PACKAGES, steps)
    with steps.step("starting the Docker engine", "engine-start") as log:
        if host.has_systemd() and not host.is_bounded():
            run("systemctl", "start", "docker", deadline=_START_DEADLINE, log=log)
            _await_answer(log, lambda: True)
        else:
            _start(layout, lab)


def install_build_packages(steps: Steps) -> None:
    """Install what building images needs beside Go, where we may. Does nothing elsewhere."""
    if shutil.which("mmdebstrap") is None and host.is_root() and host.is_debian():
        install_packages(_BUILD_PACKAGES, steps)


def install_packages(packages: tuple[str, ...], steps: Steps) -> None:
    """Install Debian packages. Raises CommandFailed."""
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    with steps.step(f"installing {', '.join(packages)} from Debian", "apt") as log:
        run("apt-get", "update", "-q", env=environment, deadline=300, log=log)
        run(
            "apt-get", "install", "-q", "-y", "--no-install-recommends", *packages,
            env=environment, deadline=600, log=log,
        )  # fmt: skip


def stop_engine(layout: Layout) -> bool:
    """Stop the engine if it is the one we started and nothing runs on it any more."""
    marker = layout.engine / "dockerd.pid"
    if not marker.is_file() or not docker.answers():
        return False
    if run("docker", "ps", "--quiet").strip():
        return False
    pid = int(marker.read_text())
    if _name_of(pid) == "dockerd":
        run("kill", str(pid))
        _await_end(pid)
    marker.unlink()
    return True


def _refusal() -> str | None:
    """Why no engine can be had here, as one sentence with the way out; None if one can."""
    said = _what_docker_says()
    if "permission denied" in said.lower():
        return (
            "The Docker engine refuses this user: add yourself to its group "
            "(sudo usermod -aG docker $USER, then log in again) or run as root."
        )
    if shutil.which("docker") is None and not (host.is_root() and host.is_debian()):
        return (
            "Docker is needed and was not found: install Docker Engine and start it "
            "(on Debian as root this is done for you)."
        )
    if not (host.is_root() and host.is_debian()):
        return f"The Docker engine does not answer; start it. It said: {said.strip()[-300:]}"
    return None


def _what_docker_says() -> str:
    try:
        return run("docker", "version", "--format", "{{.Server.Version}}", deadline=10)
    except CommandFailed as failure:
        return failure.output


def _start(layout: Layout, lab: Laboratory) -> None:
    for pid_file, name in ((_ENGINE_PID, "dockerd"), (_CONTAINERD_PID, "containerd")):
        remove_stale(pid_file, name)
        if pid_file.is_file():  # one that is on its way down: it does not answer any more
            _await_end(int(pid_file.read_text()))
            remove_stale(pid_file, name)
    options = json.loads(_SYSTEM_CONFIG.read_text()) if _SYSTEM_CONFIG.is_file() else {}
    options |= {"pidfile": str(_ENGINE_PID), "log-opts": {"max-size": "20m"}}
    if host.is_bounded():
        wrapper = layout.engine / "runc-bounded"
        shutil.copy2(lab.program("runc-bounded"), wrapper.with_suffix(".new"))
        wrapper.with_suffix(".new").replace(wrapper)
        options |= {
            "runtimes": {"runc-bounded": {"path": str(wrapper)}},
            "default-runtime": "runc-bounded",
        }
    if not host.has_systemd():
        options |= {"exec-opts": ["native.cgroupdriver=cgroupfs"]}
    config = layout.engine / "daemon.json"
    config.write_text(json.dumps(options, indent=2))
    with (layout.engine / "dockerd.log").open("ab") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--config-file", str(config)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, cwd="/",
        )  # fmt: skip
    (layout.engine / "dockerd.pid").write_text(str(daemon.pid))
    _await_answer(layout.engine / "dockerd.log", lambda: daemon.poll() is None)


def remove_stale(pid_file: Path, name: str) -> None:
    """Remove a pid file unless it names a living process of that name.

    dockerd refuses to start while the number in its file exists, whoever has it now.
    """
    if not pid_file.is_file():
        return
    text = pid_file.read_text().strip()
    if not text.isdigit() or _name_of(int(text)) != name:
        pid_file.unlink()


def _name_of(pid: int) -> str | None:
    """Name of a living process; None for one that is gone or a zombie."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return None if fields["State"].startswith("Z") else fields["Name"]


def _await_end(pid: int) -> None:
    end = time.monotonic() + _STOP_DEADLINE
    name = _name_of(pid)
    while name is not None and _name_of(pid) == name:
        if time.monotonic() > end:
            raise Unready(
                f"An engine that does not answer is still there (process {pid}, {name}): end it."
            )
        time.sleep(0.1)


def _await_answer(log: Path, runs: Callable[[], bool]) -> None:
    end = time.monotonic() + _START_DEADLINE
    while True:
        ran = runs()  # asked first: one that ends after it answered did answer
        if docker.answers():
            return
        if not ran:
            raise Unready(f"The Docker engine ended at once; {log} says why.")
        if time.monotonic() > end:
            raise Unready(
                f"The Docker engine did not answer within {_START_DEADLINE:.0f} s; see {log}."
            )
        time.sleep(0.2)
