"""What Docker has of compose.yaml: started by Docker Compose, removed by its labels."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed
from ooda.testbed.layout import COMPOSE_PROJECT

_LABEL = f"label=com.docker.compose.project={COMPOSE_PROJECT}"
_UP_DEADLINE = 240  # seconds: five services load their modules at once
_STOP_SECONDS = 15  # until a container is killed: services give their Lease up


@dataclass(frozen=True)
class Project:
    """The file, its variables, and the program that understands them."""

    program: tuple[str, ...]
    file: Path
    variables: Path

    def start(self, log: Path) -> None:
        """Have everything running and healthy. Raises CommandFailed; the log says who was not."""
        self._call("config", "--quiet", deadline=60, log=log)
        try:
            self._call(
                "up", "--detach", "--remove-orphans", "--wait", f"--wait-timeout={_UP_DEADLINE}",
                deadline=_UP_DEADLINE + 60, log=log,
            )  # fmt: skip
        except CommandFailed:
            with suppress(CommandFailed):
                self._call("ps", "--all", deadline=30, log=log)
                self._call("logs", "--no-color", "--tail=20", deadline=30, log=log)
            raise

    def _call(self, *argv: str, deadline: float, log: Path) -> None:
        run(
            *self.program, "--ansi=never", f"--project-name={COMPOSE_PROJECT}",
            f"--file={self.file}", f"--env-file={self.variables}", *argv,
            deadline=deadline, log=log,
        )  # fmt: skip


def has_volumes() -> bool:
    """Whether volumes of an earlier start are there."""
    return bool(_listed("volume", "ls"))


def remove_containers(log: Path) -> None:
    """Remove containers, volumes and networks: that needs neither the file nor Compose."""
    containers = _listed("ps", "--all")
    if containers:
        with suppress(CommandFailed):  # one that cannot be stopped is removed all the same
            run("docker", "stop", f"--time={_STOP_SECONDS}", *containers, deadline=120, log=log)
        run("docker", "rm", "--force", "--volumes", *containers, deadline=120, log=log)
    if volumes := _listed("volume", "ls"):
        run("docker", "volume", "rm", "--force", *volumes, log=log)
    if networks := _listed("network", "ls"):
        run("docker", "network", "rm", *networks, log=log)


def _listed(*what: str) -> list[str]:
    return run("docker", *what, "--quiet", f"--filter={_LABEL}", deadline=20).split()
