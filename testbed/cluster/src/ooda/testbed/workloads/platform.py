"""NATS, Postgres and Prometheus: what the product stands on, on the control-plane node."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from ooda.common.config_file import config_path, read_config, write_config
from ooda.common.topology import Service
from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.errors import Refused
from ooda.testbed.layout import CONTEXT, NODE_PORTS, Layout
from ooda.testbed.workloads.deploy import (
    Credential,
    apply_folder,
    await_rollouts,
    create_credentials,
    ensure_namespaces,
    exists,
    read_secrets,
    rendered,
)
from ooda.testbed.workloads.logins import (
    NATS_PEOPLE,
    PEOPLE,
    SYSTEM,
    ensure_nats_passwords,
)
from ooda.testbed.workloads.manifests import with_secrets_digest

_MONITORING = "monitoring"
_OWNER = "postgres-credentials"
_OBSERVED = ("fault-injection-shop", "shop-load")
_DEADLINE = 120.0  # seconds


def ensure_platform(cluster: Cluster) -> None:
    """Have the platform running and the local configuration naming it. Raises TestbedError."""
    kubectl = cluster.kubectl
    with cluster.steps.step("starting NATS, Postgres and Prometheus", "platform"):
        ensure_namespaces(kubectl, SYSTEM, _MONITORING, *_OBSERVED)
        if not exists(kubectl, "secret", SYSTEM, _OWNER):
            values = {"username": "ooda", "password": secrets.token_urlsafe(24)}
            create_credentials(kubectl, Credential(SYSTEM, _OWNER, values))
        ensure_nats_passwords(kubectl)
        repository = cluster.layout.repository
        servers = rendered(kubectl, repository / "k8s/overlays/kind/platform")
        kubectl.apply(*with_secrets_digest(servers, read_secrets(kubectl, SYSTEM)), deadline=60)
        apply_folder(kubectl, repository / "testbed/monitoring")
        await_rollouts(kubectl, SYSTEM, _DEADLINE, "statefulsets")
        await_rollouts(kubectl, _MONITORING, _DEADLINE)
    write_local_config(cluster)


def forget_platform(layout: Layout) -> None:
    """Put the local configuration back as it was before the testbed's cluster."""
    path = config_path()
    if path.exists() and _is_ours(path, layout):
        path.unlink()
        if _kept(path).exists():
            _kept(path).rename(path)


def _kept(path: Path) -> Path:
    """Where a configuration waits that was there before the testbed's."""
    return path.with_suffix(".toml.before-testbed")


def _is_ours(path: Path, layout: Layout) -> bool:
    named = read_config(path).get("cluster", {}).get("kubeconfig")
    return bool(named == str(layout.kubeconfig))


def write_local_config(cluster: Cluster) -> None:
    """Tell programs of this machine where the servers are. Raises Refused, OSError."""
    path = config_path()
    if path.exists() and not _is_ours(path, cluster.layout):
        kept = _kept(path)
        if kept.exists():
            raise Refused(f"{path} is about another cluster, and {kept} exists too: move one away.")
        path.rename(kept)
        cluster.steps.say(f"{path} was about another cluster: it is kept as {kept.name}.")
    found = read_secrets(cluster.kubectl, SYSTEM)
    write_config(
        path,
        {
            "nats": {
                "url": f"nats://127.0.0.1:{NODE_PORTS['NATS'][0]}",
                "user": Service.CLI,
                "password": found[NATS_PEOPLE][Service.CLI],
            },
            "person": {"name": PEOPLE[0], "password": found[NATS_PEOPLE][PEOPLE[0]]},
            "postgres": {
                "url": f"postgresql://127.0.0.1:{NODE_PORTS['Postgres'][0]}/ooda",
                **database_login(found),
            },
            "cluster": {"kubeconfig": str(cluster.layout.kubeconfig), "context": CONTEXT},
        },
    )
    cluster.steps.say(f"How to reach them stands in {path} (readable by you only).")


def database_login(found: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return who a person is in the database: the reader, once the agent's set-up has made it."""
    if reader := found.get("postgres-reader"):
        return {"user": "reader", "password": reader["password"]}
    return {"user": found[_OWNER]["username"], "password": found[_OWNER]["password"]}
