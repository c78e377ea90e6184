"""Namespaces of every mode with the same things in them, and who tries to write there."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from servers.asking import Request, ask, patch
from servers.control_plane import ADMIN, ControlPlane
from servers.processes import wait_until

LABELS = {"app": "web"}
GOOD, BAD = "example/web:1", "example/web:2"
NODE, OTHER_NODE = "a-node", "a-node-without-a-label"


def template(image: str, **more: Any) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": image,
        "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"memory": "32Mi"}},
    }
    return {
        "metadata": {"labels": LABELS, "annotations": {"owner": "team"}},
        "spec": {"containers": [container | more]},
    }


def _workload(kind: str, name: str, image: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"selector": {"matchLabels": LABELS}, "template": template(image)}
    if kind != "DaemonSet":
        spec["replicas"] = 1
    if kind == "StatefulSet":
        spec["serviceName"] = "web"
    head = {"name": name, "annotations": {"owner": "team"}, "labels": LABELS}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": head, "spec": spec}


def _things(image: str) -> list[dict[str, Any]]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    core = {"apiVersion": "v1"}
    return [
        _workload("Deployment", "web", image),
        _workload("StatefulSet", "db", image),
        _workload("DaemonSet", "agent", image),
        core | {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"image": image}},
        core
        | {
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": image.rpartition(":")[2]}, "ports": ports},
        },
    ]


@dataclass(frozen=True)
class Yard:
    """The plane, its namespaces by mode, and the credentials of the actor."""

    plane: ControlPlane
    namespaces: Mapping[str, str]
    actor: str

    def at(self, where: str, path: str) -> str:
        """Return the URL path in a namespace: one of ours by mode, or any by its name."""
        api, _, rest = path.partition(" ")
        return f"/{api}/namespaces/{self.namespaces.get(where, where)}/{rest}"

    def new(self, mode: str) -> str:
        """Return one more namespace, of a mode, with the same things in it."""
        name = f"{mode}-{uuid.uuid4().hex[:8]}"
        self.plane.kubectl("create", "namespace", name)
        self.plane.kubectl("label", "namespace", name, f"ooda.dev/mode={mode}")
        fill(self.plane, name)
        return name

    def read(self, path: str) -> dict[str, Any]:
        """Return an object."""
        return ask(self.plane, ADMIN, Request("GET", path)).body

    def pod_of_web(self, where: str) -> str:
        """Return the URL path of a pod that the Deployment has, waiting for it if need be."""
        found: list[str] = []

        def there() -> bool:
            pods = self.read(self.at(where, "api/v1 pods"))["items"]
            found[:] = [
                each["metadata"]["name"]
                for each in pods
                for owner in each["metadata"].get("ownerReferences", ())
                if owner["kind"] == "ReplicaSet"
            ]
            return bool(found)

        wait_until(there, "a pod of the Deployment", 20)
        return self.at(where, f"api/v1 pods/{found[0]}")


def fill(plane: ControlPlane, namespace: str) -> None:
    """Have good and then bad things in a namespace, a catalogue of the good ones, and a pod."""
    known: dict[str, Any] = {"workloads": {}, "services": {}, "configMaps": {}}
    for good, bad in zip(_things(GOOD), _things(BAD), strict=True):
        made = _done(plane, Request("POST", _path(good, namespace), good))
        _remember(known, made)
        changed = {key: bad[key] for key in ("spec", "data") if key in bad}
        _done(plane, patch(f"{_path(good, namespace)}/{good['metadata']['name']}", changed))
    catalog = {
        "apiVersion": "ooda.dev/v1alpha1",
        "kind": "KnownGood",
        "metadata": {"name": "catalog"},
        "spec": known,
    }
    _done(plane, Request("POST", _path(catalog, namespace), catalog))
    limits = {"limits": {"memory": "64Mi"}}
    spec = {"containers": [{"name": "app", "image": GOOD, "resources": limits}]}
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": spec}
    _done(plane, Request("POST", _path(bare, namespace), bare))


def empty(plane: ControlPlane, namespace: str) -> None:
    """Take what ``fill`` made away again."""
    plane.kubectl("-n", namespace, "delete", "deploy/web", "sts/db", "ds/agent", "--wait=false")
    plane.kubectl("-n", namespace, "delete", "cm/settings", "svc/web", "kg/catalog", "pod/bare")


def _path(thing: Mapping[str, Any], namespace: str) -> str:
    group = thing["apiVersion"]
    root = "apis/" if "/" in group else "api/"
    return f"/{root}{group}/namespaces/{namespace}/{thing['kind'].lower()}s"


def _done(plane: ControlPlane, request: Request) -> dict[str, Any]:
    answer = ask(plane, ADMIN, request)
    assert answer.status < HTTPStatus.BAD_REQUEST, answer
    return answer.body


def _remember(known: dict[str, Any], live: dict[str, Any]) -> None:
    kind, name = live["kind"], live["metadata"]["name"]
    match kind:
        case "ConfigMap":
            known["configMaps"][name] = [{"data": live["data"]}]
        case "Service":
            known["services"][name] = [live["spec"]]
        case _:
            known["workloads"][f"{kind}/{name}"] = {
                "templates": [live["spec"]["template"]],
                "replicas": None if kind == "DaemonSet" else 3,
                "healthyAt": "2026-11-25T11:00:00Z",
            }


def in_force(yard: Yard) -> bool:
    """Whether each policy refuses what it alone refuses."""
    resize = f"{yard.pod_of_web('auto')}/resize"
    limit = {"op": "replace", "path": "/spec/containers/0/resources/limits/memory"}
    tries = (
        *(patch(resize, [limit | {"value": value}]) for value in ("320Mi", "48Mi")),
        patch(yard.at("unlabelled", "apis/apps/v1 deployments/web"), marked({})),
        patch(yard.at("auto", "apis/apps/v1 deployments/web"), {"spec": {"paused": True}}),
        patch(yard.at("auto", "apis/apps/v1 deployments/web"), marked({"spec": {"replicas": 2}})),
    )
    return all(
        ask(yard.plane, yard.actor, each, dry_run=True).refused_by == "admission" for each in tries
    )


def marked(change: Mapping[str, Any], action: str = "act-1") -> dict[str, Any]:
    """Return a merge patch with the mark of an action."""
    return {"metadata": {"annotations": {"ooda.dev/action": action}}} | dict(change)
