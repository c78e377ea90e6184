"""Writes that the actor's credentials must not get through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from servers.asking import Request, patch
from servers.permissions_yard import BAD, GOOD, NODE, Yard, marked, template

APPS, CORE = "apis/apps/v1", "api/v1"
WEB, DB = f"{APPS} deployments/web", f"{APPS} statefulsets/db"
AGENT = f"{APPS} daemonsets/agent"
SETTINGS, SERVICE = f"{CORE} configmaps/settings", f"{CORE} services/web"
OWN = "ooda-system"
RBAC = "apis/rbac.authorization.k8s.io/v1"
CLUSTER_ADMIN = {
    "apiGroup": "rbac.authorization.k8s.io",
    "kind": "ClusterRole",
    "name": "cluster-admin",
}
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Ring = Literal["rbac", "admission"]
Make = Callable[[Yard], Request]


@dataclass(frozen=True)
class Try:
    """A write, and which ring refuses it with the rights that the actor has."""

    name: str
    ring: Ring
    make: Make


def change(name: str, where: str, path: str, body: Any, ring: Ring = "admission") -> Try:
    return Try(name, ring, lambda yard: patch(yard.at(where, path), body))


def create(name: str, where: str, path: str, body: Mapping[str, Any]) -> Try:
    return Try(name, "rbac", lambda yard: Request("POST", yard.at(where, path), body))


def delete(name: str, where: str, path: str, ring: Ring = "rbac") -> Try:
    return Try(name, ring, lambda yard: Request("DELETE", yard.at(where, path)))


def spec(**fields: Any) -> dict[str, Any]:
    return marked({"spec": fields})


def rolled(template_: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Replace the template whole, as a roll-back does."""
    return [
        {"op": "replace", "path": "/spec/template", "value": template_},
        {"op": "add", "path": "/metadata/annotations/ooda.dev~1action", "value": "act-1"},
    ]


def resized(name: str, where: str, **changed: str) -> Try:
    """Resize a pod of the Deployment; ``_`` stands for a slash in the path of a resource."""
    body = [
        {"op": "add", "path": f"{RESOURCES}/{path.replace('_', '/')}", "value": value}
        for path, value in changed.items()
    ]
    return Try(name, "admission", lambda yard: patch(f"{yard.pod_of_web(where)}/resize", body))


def limited(**resources: Any) -> list[dict[str, Any]]:
    return rolled(template(BAD, resources={"requests": {"memory": "32Mi"}} | resources))


RESOURCES = "/spec/containers/0/resources"
GOOD_BACK = rolled(template(GOOD))
POD_SPEC: Mapping[str, Any] = {"containers": [{"name": "a", "image": GOOD}]}
POD_TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD_SPEC}


def in_template(**spec_: Any) -> dict[str, Any]:
    """Merge something into the spec of the template."""
    return spec(template={"spec": spec_})


HOST_FOLDER = {"name": "h", "hostPath": {"path": "/"}}
SIDECAR = {"name": "b", "image": GOOD}
MANY = [SIDECAR | {"name": f"c{number}"} for number in range(32)]
TOO_MANY = [*MANY, SIDECAR]
LARGE = [{"name": f"V{number}", "value": "x" * 50} for number in range(8000)]
STOLEN = {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b"}
EPHEMERAL = {"name": "e", "image": BAD, "terminationMessagePolicy": "File"}

PLACES = [
    change("a roll-back where there is no label", "unlabelled", WEB, GOOD_BACK),
    change("a roll-back in mode observe", "observe", WEB, GOOD_BACK),
    change("a scaling where there is no label", "unlabelled", WEB, spec(replicas=3)),
    change("a ConfigMap where there is no label", "unlabelled", SETTINGS, marked({})),
    change("a Service in mode observe", "observe", SERVICE, marked({})),
    Try(
        "a pod where there is no label",
        "admission",
        lambda yard: Request("DELETE", yard.pod_of_web("unlabelled")),
    ),
    resized("a resize where there is no label", "unlabelled", limits_memory="96Mi"),
    resized("a resize in mode observe", "observe", limits_memory="96Mi"),
    resized("a resize in the agent's own namespace", OWN, limits_memory="96Mi"),
    change("the agent's own namespace", OWN, WEB, GOOD_BACK),
    change("a namespace of the system", "kube-public", WEB, GOOD_BACK),
]

FIELDS = [
    change("paused", "auto", WEB, spec(paused=True)),
    change("strategy", "auto", WEB, spec(strategy={"type": "Recreate", "rollingUpdate": None})),
    change("minReadySeconds", "auto", WEB, spec(minReadySeconds=5)),
    change("revisionHistoryLimit", "propose", WEB, spec(revisionHistoryLimit=0)),
    change(
        "updateStrategy of a StatefulSet",
        "auto",
        DB,
        spec(updateStrategy={"type": "OnDelete", "rollingUpdate": None}),
    ),
    change(
        "updateStrategy of a DaemonSet", "auto", AGENT, spec(updateStrategy={"type": "OnDelete"})
    ),
    change("a label", "auto", WEB, {"metadata": {"labels": {"app": "other"}}}),
    change("another annotation", "auto", WEB, {"metadata": {"annotations": {"x": "y"}}}),
    change(
        "another annotation taken away", "auto", WEB, {"metadata": {"annotations": {"owner": None}}}
    ),
    change("a finalizer", "auto", WEB, {"metadata": {"finalizers": ["example.com/never"]}}),
    change(
        "an owner",
        "auto",
        WEB,
        {"metadata": {"ownerReferences": [STOLEN]}},
    ),
    change("a roll-back without the action's mark", "auto", WEB, GOOD_BACK[:1]),
    change("scaled down", "auto", WEB, spec(replicas=0)),
    change("scaled to another number than the known one", "auto", WEB, spec(replicas=2)),
    change(
        "scaled and rolled back at once",
        "auto",
        WEB,
        [*GOOD_BACK, {"op": "replace", "path": "/spec/replicas", "value": 3}],
    ),
    change("an immutable ConfigMap", "auto", SETTINGS, marked({"immutable": True})),
    change("a Service of another type", "auto", SERVICE, spec(type="NodePort")),
    change(
        "a Service with an external address",
        "auto",
        SERVICE,
        spec(externalIPs=["192.0.2.1"]),
    ),
]

CONTENTS = [
    change("an image that was never good", "auto", WEB, rolled(template("example/web:3"))),
    change("a command", "auto", WEB, rolled(template(GOOD, command=["sh"]))),
    change(
        "a container of root's",
        "propose",
        WEB,
        rolled(template(GOOD, securityContext={"runAsUser": 0})),
    ),
    change(
        "an environment variable",
        "auto",
        DB,
        rolled(template(GOOD, env=[{"name": "A", "value": "b"}])),
    ),
    change("a DaemonSet's image", "auto", AGENT, rolled(template("example/web:3"))),
    change("a folder of the node", "auto", WEB, in_template(volumes=[HOST_FOLDER])),
    change("another service account", "auto", WEB, in_template(serviceAccountName="admin")),
    change("the network of the node", "auto", WEB, in_template(hostNetwork=True)),
    change(
        "an annotation of the template",
        "auto",
        WEB,
        spec(template={"metadata": {"annotations": {"a": "b"}}}),
    ),
    change(
        "a second container",
        "auto",
        WEB,
        [{"op": "add", "path": "/spec/template/spec/containers/-", "value": SIDECAR}, GOOD_BACK[1]],
    ),
    change("five times the memory", "auto", WEB, limited(limits={"cpu": "1", "memory": "320Mi"})),
    change(
        "less memory than was ever good",
        "auto",
        WEB,
        limited(limits={"cpu": "1", "memory": "48Mi"}),
    ),
    change("more of the processor", "auto", WEB, limited(limits={"cpu": "2", "memory": "64Mi"})),
    change("no limit at all", "auto", WEB, limited(limits={})),
    change("no resources at all", "auto", WEB, rolled(template(BAD, resources={}))),
    change("a limit of another kind", "auto", WEB, limited(limits={"ephemeral-storage": "1Gi"})),
    change("a container before the others", "auto", WEB, in_template(initContainers=[SIDECAR])),
    change("as many containers as there may be", "auto", WEB, in_template(containers=MANY)),
    change("more containers than there may be", "auto", WEB, in_template(containers=TOO_MANY)),
    change("a very large environment", "auto", WEB, rolled(template(GOOD, env=LARGE))),
    change(
        "more memory and another image",
        "auto",
        WEB,
        rolled(
            template(
                "example/web:3",
                resources={
                    "limits": {"cpu": "1", "memory": "128Mi"},
                    "requests": {"memory": "32Mi"},
                },
            )
        ),
    ),
    change(
        "a ConfigMap's data that were never good",
        "auto",
        SETTINGS,
        marked({"data": {"image": "x"}}),
    ),
    change(
        "a Service's selector that was never good",
        "auto",
        SERVICE,
        spec(selector={"app": "x"}),
    ),
    change(
        "half of a Service's roll-back",
        "auto",
        SERVICE,
        spec(selector={"app": "1"}, ports=[{"port": 81}]),
    ),
]

RESIZES = [
    resized("a resize to five times the memory", "auto", limits_memory="320Mi"),
    resized("a resize to less than was ever good", "auto", limits_memory="48Mi"),
    resized("a resize of the request", "auto", requests_memory="48Mi"),
    resized("a resize of limit and request", "auto", limits_memory="96Mi", requests_memory="48Mi"),
    resized("a resize of the processor", "auto", limits_cpu="2"),
    resized("a resize of all", "propose", limits_cpu="2", limits_memory="96Mi"),
    change(
        "a resize of a pod that nobody replaces",
        "auto",
        f"{CORE} pods/bare/resize",
        [{"op": "replace", "path": f"{RESOURCES}/limits/memory", "value": "96Mi"}],
    ),
]

KINDS = [
    delete("a pod that nobody replaces", "auto", f"{CORE} pods/bare", "admission"),
    delete("all pods", "auto", f"{CORE} pods"),
    create(
        "an eviction",
        "auto",
        f"{CORE} pods/bare/eviction",
        {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "bare"}},
    ),
    create("a command in a pod", "auto", f"{CORE} pods/bare/exec?command=sh&stdin=true", {}),
    change(
        "a pod's image",
        "auto",
        f"{CORE} pods/bare",
        [{"op": "replace", "path": "/spec/containers/0/image", "value": BAD}],
        "rbac",
    ),
    change(
        "a container added to a pod",
        "auto",
        f"{CORE} pods/bare/ephemeralcontainers",
        {"spec": {"ephemeralContainers": [EPHEMERAL]}},
        "rbac",
    ),
    create("a pod", "auto", f"{CORE} pods", {"metadata": {"name": "new"}, "spec": POD_SPEC}),
    create(
        "a Deployment",
        "auto",
        f"{APPS} deployments",
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "x"},
            "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": POD_TEMPLATE},
        },
    ),
    delete("a Deployment, deleted", "auto", WEB),
    change("the scale of a Deployment", "auto", f"{WEB}/scale", {"spec": {"replicas": 3}}, "rbac"),
    change(
        "the status of a Deployment", "auto", f"{WEB}/status", {"status": {"replicas": 9}}, "rbac"
    ),
    create(
        "a Job",
        "auto",
        "apis/batch/v1 jobs",
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "x"},
            "spec": {"template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}}},
        },
    ),
    create("a Secret", "auto", f"{CORE} secrets", {"metadata": {"name": "x"}}),
    create(
        "a token of another service", OWN, f"{CORE} serviceaccounts/observer/token", {"spec": {}}
    ),
    create(
        "a NetworkPolicy",
        "auto",
        "apis/networking.k8s.io/v1 networkpolicies",
        {"metadata": {"name": "x"}, "spec": {"podSelector": {}}},
    ),
    create(
        "rights",
        "auto",
        f"{RBAC} rolebindings",
        {"metadata": {"name": "x"}, "roleRef": CLUSTER_ADMIN},
    ),
    change(
        "the catalogue",
        "auto",
        "apis/ooda.dev/v1alpha1 knowngoods/catalog",
        {"spec": {"services": {}}},
        "rbac",
    ),
    delete("the catalogue, deleted", "auto", "apis/ooda.dev/v1alpha1 knowngoods/catalog"),
    create("the kill switch", OWN, f"{CORE} configmaps", {"metadata": {"name": "ooda-stop"}}),
    create(
        "a Lease outside its namespace",
        "auto",
        "apis/coordination.k8s.io/v1 leases",
        {"metadata": {"name": "x"}},
    ),
    Try(
        "the label that opts in",
        "rbac",
        lambda yard: patch(
            f"/api/v1/namespaces/{yard.namespaces['unlabelled']}",
            {"metadata": {"labels": {"ooda.dev/mode": "auto"}}},
        ),
    ),
    Try(
        "a namespace, deleted",
        "rbac",
        lambda yard: Request("DELETE", f"/api/v1/namespaces/{yard.namespaces['auto']}"),
    ),
    Try("a node, deleted", "rbac", lambda _: Request("DELETE", f"/api/v1/nodes/{NODE}")),
    Try(
        "a node's labels",
        "rbac",
        lambda _: patch(f"/api/v1/nodes/{NODE}", {"metadata": {"labels": {"a": "b"}}}),
    ),
    Try(
        "a node's taints",
        "rbac",
        lambda _: patch(
            f"/api/v1/nodes/{NODE}", spec(taints=[{"key": "a", "effect": "NoExecute"}])
        ),
    ),
    Try(
        "a node's status",
        "rbac",
        lambda _: patch(f"/api/v1/nodes/{NODE}/status", {"status": {"phase": "x"}}),
    ),
    Try(
        "rights in the whole cluster",
        "rbac",
        lambda _: Request(
            "POST",
            f"/{RBAC}/clusterrolebindings",
            {"metadata": {"name": "x"}, "roleRef": CLUSTER_ADMIN},
        ),
    ),
    Try(
        "the CustomResourceDefinition, deleted",
        "rbac",
        lambda _: Request("DELETE", f"{CRDS}/knowngoods.ooda.dev"),
    ),
]

ALL = [*PLACES, *FIELDS, *CONTENTS, *RESIZES, *KINDS]

BEYOND_ADMISSION = [
    Try(
        "its policy, deleted",
        "rbac",
        lambda _: Request("DELETE", f"{POLICIES}ies/ooda-actor-reach"),
    ),
    Try(
        "its binding, deleted",
        "rbac",
        lambda _: Request("DELETE", f"{POLICIES}ybindings/ooda-actor-reach"),
    ),
    Try(
        "in somebody else's name",
        "rbac",
        lambda yard: Request(
            "PATCH",
            yard.at("auto", WEB),
            {},
            (("Impersonate-User", "admin"), ("Content-Type", "application/merge-patch+json")),
        ),
    ),
    Try("a Secret, read", "rbac", lambda yard: Request("GET", yard.at("auto", f"{CORE} secrets"))),
]
"""Admission cannot see or judge these: RBAC alone withholds them."""
