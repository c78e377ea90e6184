"""NATS, Postgres and Prometheus: what the product stands on, on the control-plane node."""

import secrets
from pathlib import Path

from ooda.common.config_file import config_path, read_config, write_config
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
    read_secret,
)

_SYSTEM, _MONITORING = "ooda-system", "monitoring"
_OBSERVED = ("fault-injection-shop", "shop-load")
_DEADLINE = 120.0  # seconds


def ensure_platform(cluster: Cluster) -> None:
    """Have the platform running and the local configuration naming it. Raises TestbedError."""
    kubectl = cluster.kubectl
    with cluster.steps.step("starting NATS, Postgres and Prometheus", "platform"):
        ensure_namespaces(kubectl, _SYSTEM, _MONITORING, *_OBSERVED)
        for name, user_key in (("nats-credentials", "user"), ("postgres-credentials", "username")):
            if not exists(kubectl, "secret", _SYSTEM, name):
                values = {user_key: "ooda", "password": secrets.token_urlsafe(24)}
                create_credentials(kubectl, Credential(_SYSTEM, name, values))
        repository = cluster.layout.repository
        apply_folder(kubectl, repository / "k8s/overlays/kind")
        apply_folder(kubectl, repository / "testbed/monitoring")
        for namespace in (_SYSTEM, _MONITORING):
            await_rollouts(kubectl, namespace, _DEADLINE)
    _write_config(cluster)


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


def _write_config(cluster: Cluster) -> None:
    nats = read_secret(cluster.kubectl, _SYSTEM, "nats-credentials")
    postgres = read_secret(cluster.kubectl, _SYSTEM, "postgres-credentials")
    path = config_path()
    if path.exists() and not _is_ours(path, cluster.layout):
        kept = _kept(path)
        if kept.exists():
            raise Refused(f"{path} is about another cluster, and {kept} exists too: move one away.")
        path.rename(kept)
        cluster.steps.say(f"{path} was about another cluster: it is kept as {kept.name}.")
    write_config(
        path,
        {
            "nats": {
                "url": f"nats://127.0.0.1:{NODE_PORTS['NATS'][0]}",
                "user": nats["user"],
                "password": nats["password"],
            },
            "postgres": {
                "url": f"postgresql://127.0.0.1:{NODE_PORTS['Postgres'][0]}/ooda",
                "user": postgres["username"],
                "password": postgres["password"],
            },
            "cluster": {"kubeconfig": str(cluster.layout.kubeconfig), "context": CONTEXT},
        },
    )
    cluster.steps.say(f"How to reach them stands in {path} (readable by you only).")
