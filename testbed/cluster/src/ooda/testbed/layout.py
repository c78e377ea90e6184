"""Names, ports and folders of the testbed: one place, so that clean-up knows all of them."""

import os
from dataclasses import dataclass
from pathlib import Path

CLUSTER = "ooda"
CONTEXT = f"kind-{CLUSTER}"
NETWORK = "ooda"
BRIDGE = "br-ooda"
OWNER_LABEL = "dev.ooda.testbed"
"""On Docker objects that this testbed made; its absence means: somebody else's."""

CONTROL_PLANE = f"{CLUSTER}-control-plane"
WORKERS = (f"{CLUSTER}-worker", f"{CLUSTER}-worker2")
NODES = (CONTROL_PLANE, *WORKERS)

API_PORT = 16443
NODE_PORTS = {"NATS": (14222, 30422), "Postgres": (15432, 30432), "Prometheus": (19090, 30090),
              "storefront": (18080, 30080), "load generator": (18089, 30089)}  # fmt: skip
"""Service name → (port on 127.0.0.1, NodePort in the cluster)."""

COMPOSE_PROJECT = "ooda-compose"
"""What Docker Compose puts on everything that it makes of compose.yaml."""
COMPOSE_PORTS = {"NATS": 24222, "Postgres": 25432}
"""Service name → port on 127.0.0.1, beside those of kind."""


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "ooda"


@dataclass(frozen=True)
class Layout:
    """Folders of one user's testbed."""

    repository: Path
    cache: Path
    """Built binaries, root file systems: can be deleted at any time."""
    state: Path
    """What belongs to the running cluster: kubeconfig, disks, logs."""

    @property
    def images(self) -> Path:
        """Folder of recipes, pins and each image's own files."""
        return self.repository / "testbed/images"

    @property
    def kubeconfig(self) -> Path:
        """How to reach the cluster, as its administrator."""
        return self.state / "kubeconfig"

    @property
    def disks(self) -> Path:
        """Files that are the workers' file systems, and where they are mounted."""
        return self.state / "disks"

    @property
    def logs(self) -> Path:
        """What each long step said."""
        return self.state / "logs"

    @property
    def engine(self) -> Path:
        """Options and log of an engine that we started."""
        return self.state / "engine"

    @property
    def compose(self) -> Path:
        """What is prepared for compose.yaml: passwords, credentials; for its owner only."""
        return self.state / "compose"

    @property
    def binaries(self) -> Path:
        """Where kind, Docker Compose and kubectl of the cluster's own version are."""
        return self.cache / "bin"


def layout() -> Layout:
    """Make the folders of the current user, by the XDG base directory rules."""
    found = Layout(
        repository=Path(__file__).parents[5],
        cache=_xdg("XDG_CACHE_HOME", ".cache"),
        state=_xdg("XDG_STATE_HOME", ".local/state"),
    )
    for folder in (found.cache, found.state, found.logs, found.engine, found.binaries):
        folder.mkdir(parents=True, exist_ok=True)
    return found
