from typing import Any

from e2e.live.kube import Kube
from e2e.live.pods import pod
from e2e.live.waiting import wait_until

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "kept"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}},
}


def user(name: str) -> dict[str, Any]:
    return pod(
        name,
        volumes=[{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}],
        container={"volumeMounts": [{"name": "kept", "mountPath": "/kept"}]},
    )


def test_a_claim_binds_and_keeps_its_data_over_the_death_of_its_pod(
    kube: Kube, namespace: str
) -> None:
    kube.create(CLAIM, namespace)
    kube.start(namespace, user("first"))
    assert kube.get("PersistentVolumeClaim", "kept", namespace).status.phase == "Bound"
    kube.run_in(namespace, "first", "sh", "-c", "echo remember > /kept/note && sync")
    kube.delete("Pod", "first", namespace)
    wait_until(lambda: not kube.exists("Pod", "first", namespace), "the first pod is gone", 30)
    kube.start(namespace, user("second"))
    assert kube.run_in(namespace, "second", "cat", "/kept/note") == "remember\n"
