"""Brings compose.yaml up for a cluster, and takes it down with all that was made for it."""

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ooda.common.config_file import read_config, write_config
from ooda.testbed.commands import run
from ooda.testbed.compose import rights
from ooda.testbed.compose.files import (
    DATABASE_OWNER,
    Passwords,
    as_lines,
    local_config,
    server_files,
    service_files,
    service_kubeconfig,
)
from ooda.testbed.compose.target import Target, cluster_of
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.images.keys import key_of
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import COMPOSE_PORTS, COMPOSE_PROJECT, Layout
from ooda.testbed.progress import Steps
from ooda.testbed.workloads.deploy import rendered
from ooda.testbed.workloads.logins import DATABASE_LOGINS, NATS_LOGINS
from ooda.testbed.workloads.manifests import Object

_LABEL = f"label=com.docker.compose.project={COMPOSE_PROJECT}"
_UP_DEADLINE = 240  # seconds: five services load their modules at once
_STOP_SECONDS = 15  # until a container is killed: services give their Lease up


@dataclass(frozen=True)
class Compose:
    """The one set of containers of this user."""

    layout: Layout
    steps: Steps

    @property
    def config(self) -> Path:
        """Where programs of this machine find compose's servers: the value of OODA_CONFIG."""
        return self.layout.compose / "config.toml"

    @property
    def cluster(self) -> dict[str, str]:
        """Kubeconfig and context of the cluster that it was brought up for; empty if none."""
        found: dict[str, str] = read_config(self.config).get("cluster", {})
        return found

    def up(self, target: Target, image: str, program: tuple[str, ...]) -> None:
        """Have all of it running and ready for a cluster. Raises TestbedError."""
        self._refuse_another(target)
        rights.refuse_beside_another(target.kubectl)
        passwords = self._passwords()
        with self.steps.step("granting the services their rights in the cluster", "compose-rights"):
            tokens = rights.grant(target.kubectl, self._objects(target.kubectl))
        cluster = cluster_of(target.kubectl)
        kubeconfigs = {
            service: service_kubeconfig(service, cluster, target.server, token.value)
            for service, token in tokens.items()
        }
        files = {**server_files(passwords), **service_files(passwords, kubeconfigs)}
        self._write(files, self._variables(target, image, key_of(sorted(files.items()))))
        write_config(self.config, local_config(passwords, COMPOSE_PORTS, target.names))
        with self.steps.step("starting NATS, Postgres and five services", "compose-up") as log:
            self._start(program, log)
        until = min(token.until for token in tokens.values())
        self.steps.say(f"The services may ask the cluster until {until:%Y-%m-%d %H:%M} UTC; again "
                       "extends it.")  # fmt: skip
        self.steps.say(f"How to reach them: export OODA_CONFIG={self.config}")

    def down(self, kubectl_program: Path) -> None:
        """Remove containers, volumes, networks, what was made in the cluster, passwords."""
        cluster = self.cluster
        with self.steps.step("removing what compose made", "compose-down") as log:
            self.remove_containers(log)
            if cluster:
                kubeconfig = Path(cluster["kubeconfig"])
                kubectl = Kubectl(kubectl_program, kubeconfig, cluster["context"])
                self._withdraw(kubectl)
        self._forget()

    def remove_containers(self, log: Path) -> None:
        """Remove what Docker has of it, by its labels: that needs neither the file nor Compose."""
        containers = _listed("ps", "--all")
        if containers:
            with suppress(CommandFailed):  # one that cannot be stopped is removed all the same
                run("docker", "stop", f"--time={_STOP_SECONDS}", *containers,
                    deadline=120, log=log)  # fmt: skip
            run("docker", "rm", "--force", "--volumes", *containers, deadline=120, log=log)
        if volumes := _listed("volume", "ls"):
            run("docker", "volume", "rm", "--force", *volumes, log=log)
        if networks := _listed("network", "ls"):
            run("docker", "network", "rm", *networks, log=log)

    def forget_with(self, kubeconfig: Path) -> None:
        """Remove it where it was brought up for this cluster, which is about to go itself."""
        if self.cluster.get("kubeconfig") == str(kubeconfig):
            with self.steps.step("removing what compose made", "compose-down") as log:
                self.remove_containers(log)
            self._forget()

    def _refuse_another(self, target: Target) -> None:
        before = self.cluster
        if before and before != target.names:
            raise Refused(
                f"It was brought up for context {before['context']} of {before['kubeconfig']}: "
                "run `make compose-down` first."
            )

    def _passwords(self) -> Passwords:
        """Return those there are, with those that were missing."""
        path = self.layout.compose / "passwords.toml"
        kept = read_config(path)
        if not kept and _listed("volume", "ls"):
            raise Refused(
                "Volumes of an earlier run are there, and their passwords are not: run "
                "`make compose-down` first."
            )
        passwords = {
            "nats": _each_with_one([each.name for each in NATS_LOGINS], kept.get("nats", {})),
            "postgres": _each_with_one(
                [DATABASE_OWNER, *(each.name for each in DATABASE_LOGINS)], kept.get("postgres", {})
            ),
        }
        self.layout.compose.mkdir(mode=0o700, exist_ok=True)
        write_config(path, passwords)
        return Passwords(**passwords)

    def _objects(self, kubectl: Kubectl) -> list[Object]:
        return rendered(kubectl, self.layout.repository / "k8s/overlays/compose")

    def _variables(self, target: Target, image: str, credentials: str) -> dict[str, str]:
        network = {}
        if target.network:
            network = {
                "OODA_CLUSTER_NETWORK": target.network,
                "OODA_CLUSTER_NETWORK_IS_THERE": "true",
            }
        return {
            "OODA_IMAGE": image,
            "OODA_CREDENTIALS": credentials,
            "OODA_COMPOSE_FILES": str(self._files),
            **{f"OODA_COMPOSE_{name.upper()}_PORT": str(p) for name, p in COMPOSE_PORTS.items()},
            **network,
            **target.variables,
        }

    @property
    def _files(self) -> Path:
        return self.layout.compose / "files"

    @property
    def _lines(self) -> Path:
        return self.layout.compose / "variables.env"

    def _write(self, files: Mapping[str, str], variables: Mapping[str, str]) -> None:
        """Write what containers read: users of their own read it, and nobody else on this machine.

        The folder above lets its owner in only; each file is mounted by itself.
        """
        self.layout.compose.chmod(0o700)
        self._files.mkdir(exist_ok=True)
        for name, text in files.items():
            path = self._files / name
            path.write_text(text)
            path.chmod(0o644)
        self._files.chmod(0o755)
        self._lines.write_text(as_lines(variables))

    def _start(self, program: tuple[str, ...], log: Path) -> None:
        file = self.layout.repository / "compose.yaml"
        begun = (
            *program, "--ansi=never", f"--project-name={COMPOSE_PROJECT}", f"--file={file}",
            f"--env-file={self._lines}",
        )  # fmt: skip
        run(*begun, "config", "--quiet", log=log)
        try:
            run(*begun, "up", "--detach", "--remove-orphans", "--wait",
                f"--wait-timeout={_UP_DEADLINE}",
                deadline=_UP_DEADLINE + 60, log=log)  # fmt: skip
        except CommandFailed:
            with suppress(CommandFailed):
                run(*begun, "ps", "--all", log=log)
                run(*begun, "logs", "--no-color", "--tail=20", log=log)
            raise

    def _withdraw(self, kubectl: Kubectl) -> None:
        if not kubectl.kubeconfig.is_file():
            self.steps.say(f"{kubectl.kubeconfig} is gone: the cluster is left as it is.")
            return
        try:
            rights.withdraw(kubectl, self._objects(kubectl))
        except CommandFailed as failure:
            self.steps.say(
                f"The cluster could not be cleaned: {failure}\nWhat is left there has the label "
                f"{rights.LABEL}={COMPOSE_PROJECT}; its tokens end by themselves."
            )

    def _forget(self) -> None:
        for path in sorted(self.layout.compose.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        if self.layout.compose.is_dir():
            self.layout.compose.rmdir()


def _each_with_one(names: Iterable[str], kept: Mapping[str, str]) -> dict[str, str]:
    return {name: kept.get(name) or secrets.token_urlsafe(24) for name in names}


def _listed(*what: str) -> list[str]:
    return run("docker", *what, "--quiet", f"--filter={_LABEL}", deadline=20).split()
