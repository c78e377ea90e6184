"""The agent's accounts, rights and admission policies, as they are deployed, on a control plane."""

import json
from pathlib import Path

from servers.control_plane import ControlPlane
from servers.kubectl import kustomize

NAMESPACE = "ooda-system"
SHOP = "fault-injection-shop"
ON_NODES = "ooda-fault-agent"
_KINDS = frozenset(
    {
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
_ROOT = Path(__file__).parents[2]
ADMISSION = _ROOT / "k8s/base/admission"
CORDON = _ROOT / "k8s/components/cordon"


def grant(plane: ControlPlane) -> None:
    """Give the services what the manifests give them, in a namespace of their own."""
    plane.kubectl("create", "namespace", NAMESPACE)
    rendered = kustomize(_ROOT / "k8s/overlays/kind/agent")
    items = [each for each in rendered if each["kind"] in _KINDS]
    wanted = {"apiVersion": "v1", "kind": "List", "items": items}
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(wanted))


def grant_injector(plane: ControlPlane, *namespaces: str) -> None:
    """Give injector, reaper and fault-agent what they are deployed with, and these to break."""
    rendered = kustomize(_ROOT / "k8s/overlays/kind/injector")
    items = [each for each in rendered if each["kind"] in {*_KINDS, "Namespace", "Secret"}]
    bindings = [each for each in items if each["metadata"].get("namespace") == SHOP]
    for namespace in namespaces:
        moved = [
            each | {"metadata": each["metadata"] | {"namespace": namespace}} for each in bindings
        ]
        items = [each for each in items if each not in bindings] + moved
    wanted = {"apiVersion": "v1", "kind": "List", "items": items}
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(wanted))


def token_of(plane: ControlPlane, account: str, *bound_to: str, namespace: str = NAMESPACE) -> str:
    """Return a token of a service's account, such as a pod of it is given."""
    return plane.kubectl("-n", namespace, "create", "token", account, *bound_to).strip()
