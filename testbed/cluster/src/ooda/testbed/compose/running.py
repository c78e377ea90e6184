"""Brings compose.yaml up for a cluster, and takes it down with all that was made for it."""

import os
from dataclasses import dataclass
from pathlib import Path

from ooda.testbed.compose import containers, rights
from ooda.testbed.compose.containers import Project
from ooda.testbed.compose.files import (
    optional_secrets,
    port_variable,
    published_ports,
    server_files,
    service_files,
    service_kubeconfig,
)
from ooda.testbed.compose.private import PrivateFolder
from ooda.testbed.compose.target import Target, cluster_of
from ooda.testbed.errors import CommandFailed, Refused
from ooda.testbed.images.keys import digest_of, key_of
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import COMPOSE_PROJECT, Layout
from ooda.testbed.progress import Steps
from ooda.testbed.workloads.deploy import rendered
from ooda.testbed.workloads.manifests import Object


@dataclass(frozen=True)
class Compose:
    """The one set of containers of this user."""

    layout: Layout
    steps: Steps

    @property
    def folder(self) -> PrivateFolder:
        """What is prepared for it."""
        return PrivateFolder(self.layout.compose)

    def up(self, target: Target, image: str, program: tuple[str, ...]) -> None:
        """Have all of it running and ready for a cluster. Raises TestbedError."""
        folder = self.folder
        self._refuse_another(target)
        rights.refuse_beside_another(target.kubectl)
        passwords = folder.ensure_passwords()
        with self.steps.step("granting the services their rights in the cluster", "compose-rights"):
            tokens = rights.grant(target.kubectl, self._objects(target.kubectl))
        cluster = cluster_of(target.kubectl)
        kubeconfigs = {
            service: service_kubeconfig(service, cluster, target.server, token.value)
            for service, token in tokens.items()
        }
        ports = published_ports(os.environ)
        servers = server_files(passwords)
        agent = rendered(target.kubectl, self.layout.repository / "k8s/base/agent")
        services = service_files(passwords, kubeconfigs, optional_secrets(agent, os.environ))
        variables = {
            "OODA_IMAGE": image,
            "OODA_COMPOSE_FILES": str(folder.files),
            "OODA_CREDENTIALS": key_of(sorted(services.items())),
            "OODA_NATS_CONFIG": self._nats_key(servers["nats-passwords.conf"]),
            **{port_variable(name): port for name, port in ports.items()},
            **target.variables,
        }
        folder.write({**servers, **services}, variables)
        folder.write_config(passwords, ports, target.names)
        project = Project(program, self.layout.repository / "compose.yaml", folder.variables)
        with self.steps.step("starting NATS, Postgres and five services", "compose-up") as log:
            project.start(log)
        until = min(token.until for token in tokens.values())
        self.steps.say(f"The services may ask the cluster until {until:%Y-%m-%d %H:%M} UTC.")
        self.steps.say(f"How to reach them: export OODA_CONFIG={folder.config}")

    def down(self, kubectl_program: Path) -> None:
        """Remove containers, volumes, networks, what was made in the cluster, passwords."""
        cluster = self.folder.cluster
        with self.steps.step("removing what compose made", "compose-down") as log:
            containers.remove_containers(log)
            if cluster:
                kubeconfig = Path(cluster["kubeconfig"])
                self._withdraw(Kubectl(kubectl_program, kubeconfig, cluster["context"]))
        self.folder.remove()

    def down_with(self, kubeconfig: Path) -> None:
        """Remove it where it was brought up for this cluster, which is about to go itself."""
        if self.folder.cluster.get("kubeconfig") == str(kubeconfig):
            with self.steps.step("removing what compose made", "compose-down") as log:
                containers.remove_containers(log)
            self.folder.remove()

    def _refuse_another(self, target: Target) -> None:
        before = self.folder.cluster
        if before and before != target.names:
            raise Refused(
                f"It was brought up for context {before['context']} of {before['kubeconfig']}: "
                "run `make compose-down` first."
            )
        if containers.has_volumes() and not self.folder.has_passwords:
            raise Refused(
                "Volumes of an earlier run are there, and their passwords are not: run "
                "`make compose-down` first."
            )

    def _objects(self, kubectl: Kubectl) -> list[Object]:
        return rendered(kubectl, self.layout.repository / "k8s/overlays/compose")

    def _nats_key(self, passwords: str) -> str:
        folder = self.layout.repository / "k8s/base/nats"
        return key_of(passwords, *(digest_of(each) for each in sorted(folder.glob("*.conf"))))

    def _withdraw(self, kubectl: Kubectl) -> None:
        if not kubectl.kubeconfig.is_file():
            self.steps.say(f"{kubectl.kubeconfig} is gone: so is that cluster, it seems.")
            return
        try:
            rights.withdraw(kubectl, self._objects(kubectl))
        except CommandFailed as failure:
            self.steps.say(
                f"The cluster could not be cleaned: {failure}\nWhat is left there has the label "
                f"{rights.LABEL}={COMPOSE_PROJECT}; its tokens end by themselves."
            )
