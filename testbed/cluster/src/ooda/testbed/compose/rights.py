"""What the services are in the cluster: ServiceAccounts, rights, and tokens that can be revoked.

Every token is bound to one Secret, which holds nothing: with it all of them end. What was there
before is brought up to date and stays when compose goes; what was made for it carries a label.
"""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ooda.testbed.compose.files import SERVICES
from ooda.testbed.errors import Refused
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import COMPOSE_PROJECT
from ooda.testbed.workloads.agent import PART_OF
from ooda.testbed.workloads.logins import SYSTEM
from ooda.testbed.workloads.manifests import Object

LABEL = "app.kubernetes.io/managed-by"
_ASKED_HOURS = 30 * 24
"""A month; an API server may grant less, and says so."""
_DEADLINE = 90.0  # seconds: a namespace that goes takes what is in it along


@dataclass(frozen=True)
class Token:
    """A token of a ServiceAccount."""

    value: str
    until: dt.datetime


def refuse_beside_another(kubectl: Kubectl) -> None:
    """Raise Refused while the agent runs in the cluster: the Leases let only one of them act."""
    found = kubectl.items("-n", SYSTEM, "deployments", f"--selector={PART_OF}")
    running = sorted(each["metadata"]["name"] for each in found if each["spec"]["replicas"])
    if running:
        raise Refused(
            f"The agent runs in the cluster too ({', '.join(running)}). The Leases let one of the "
            "two act, and each has a bus of its own, so neither would see the whole. Stop that one "
            f"first: kubectl --context {kubectl.context} -n {SYSTEM} scale deployments "
            f"--selector={PART_OF} --replicas=0"
        )


def grant(kubectl: Kubectl, objects: Sequence[Object]) -> dict[str, Token]:
    """Have the objects in the cluster; return a new token for each service."""
    kubectl.apply(*marked(objects, _present(kubectl, objects)), deadline=60)
    kubectl.apply(_ours(_binding()))
    uid = _present(kubectl, [_binding()])[0]["metadata"]["uid"]
    return {service: _token(kubectl, service, uid) for service in SERVICES}


def withdraw(kubectl: Kubectl, objects: Sequence[Object]) -> None:
    """Revoke the tokens and remove what was made for compose; does nothing where that is gone."""
    ours = [each for each in _present(kubectl, [_binding(), *objects]) if _is_ours(each)]
    if any(each["kind"] == "ServiceAccount" for each in ours):
        ours += [_lease(service) for service in SERVICES]
    if ours:
        kubectl("delete", "--ignore-not-found", "-f", "-", stdin=_as_list(ours), deadline=_DEADLINE)


def marked(objects: Iterable[Object], present: Iterable[Object]) -> list[Object]:
    """Return the objects to apply: ours with the label, others' without, their namespace not."""
    others = {_key(each) for each in present if not _is_ours(each)}
    return [
        each if _key(each) in others else _ours(each)
        for each in objects
        if not (each["kind"] == "Namespace" and _key(each) in others)
    ]


def _token(kubectl: Kubectl, service: str, uid: str) -> Token:
    status = json.loads(
        kubectl(
            "-n", SYSTEM, "create", "token", service, f"--duration={_ASKED_HOURS}h",
            "--bound-object-kind=Secret", f"--bound-object-name={COMPOSE_PROJECT}",
            f"--bound-object-uid={uid}", "-o", "json",
        )
    )["status"]  # fmt: skip
    return Token(status["token"], dt.datetime.fromisoformat(status["expirationTimestamp"]))


def _present(kubectl: Kubectl, objects: Sequence[Object]) -> list[Object]:
    found = kubectl("get", "--ignore-not-found", "-o", "json", "-f", "-", stdin=_as_list(objects))
    if not found:
        return []
    answer: Object = json.loads(found)
    return list(answer["items"]) if answer["kind"] == "List" else [answer]


def _binding() -> Object:
    metadata = {"name": COMPOSE_PROJECT, "namespace": SYSTEM}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}


def _lease(service: str) -> Object:
    metadata = {"name": f"ooda-{service}", "namespace": SYSTEM}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def _ours(each: Object) -> Object:
    metadata = each["metadata"]
    labels = {**metadata.get("labels", {}), LABEL: COMPOSE_PROJECT}
    return {**each, "metadata": {**metadata, "labels": labels}}


def _is_ours(each: Object) -> bool:
    return bool(each["metadata"].get("labels", {}).get(LABEL) == COMPOSE_PROJECT)


def _key(each: Object) -> tuple[str, str, str]:
    metadata = each["metadata"]
    return (each["kind"], metadata.get("namespace", ""), metadata["name"])


def _as_list(objects: Sequence[Object]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
