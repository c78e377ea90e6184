"""What a cluster shows in the failures that more than one test is about."""

from factories.cluster_objects import (
    container_status,
    deployment,
    endpoint_slice,
    event,
    pod,
    replica_set,
    service,
    stamp,
    template,
)
from factories.events import NAMESPACE
from factories.orienter import Cluster

POD = "checkout-7d4b9c5f6d-xk2lp"
OLD, NEW = template("shop:1"), template("shop:none")


def broken_image(cluster: Cluster) -> None:
    """A rollout to an image that is not there, with the old pods still serving."""
    failing = container_status(image="shop:none", waiting="ImagePullBackOff")
    catalog = {"templates": [OLD], "replicas": 1, "healthyAt": stamp(-600)}
    cluster.add(
        deployment(ready=1, updated=1, total=2, pod_template=NEW),
        service(),
        endpoint_slice(),
        replica_set(1, OLD, made=-9000, hashed="old"),
        replica_set(2, NEW, made=-3, hashed="new"),
        pod(POD, failing, ready=False),
        pod("checkout-old", template_hash="old"),
        event("Failed", 'Failed to pull image "shop:none": not found', about=f"Pod/{POD}"),
        {
            "kind": "KnownGood",
            "metadata": {"name": "catalog", "namespace": NAMESPACE},
            "spec": {"workloads": {"Deployment/checkout": catalog}},
        },
    )


def crash(cluster: Cluster, name: str = POD, app: str = "checkout", log: str = "") -> None:
    looping = container_status(waiting="CrashLoopBackOff", ended=1, restarts=4)
    kind = "StatefulSet" if app == "orders-db" else "Deployment"
    cluster.add(
        deployment(app, ready=0) | {"kind": kind},
        pod(name, looping, app=app, ready=False),
        event("BackOff", "Back-off restarting failed container app", about=f"Pod/{name}"),
    )
    cluster.set_logs(NAMESPACE, name, "app", log)
