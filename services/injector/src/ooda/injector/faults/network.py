"""Faults in the network of every pod of the target, made on the pods' nodes. Pure.

Peers are named as the pod itself sees them: its clients by the addresses of their pods, a
dependency by the cluster address of its Service and, for a Service without one, by its endpoints.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import NodeStep, Step
from ooda.common.node_means import Direction, Endpoint, PacketFault, Rcode
from ooda.injector.core.workloads import TARGETS
from ooda.injector.faults import contacts
from ooda.injector.faults.scene import NotApplicableError, Scene, in_networks, pods_of

_SERVICE_NAME = "kubernetes.io/service-name"


class PacketLoss:
    """A share of the packets that it receives is lost."""

    reads = frozenset({Kind.POD, *TARGETS})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        lost = {"kind": "loss", "percent": int(parameters["percent"])}
        return _from_client(scene, lost, Direction.INCOMING, parameters["client"])


class Latency:
    """What it receives is late; its answers to that are late with it."""

    reads = frozenset({Kind.POD, *TARGETS})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        late = {
            "kind": "delay",
            "mean_ms": int(parameters["mean_ms"]),
            "jitter_ms": int(parameters["jitter_ms"]),
        }
        return _from_client(scene, late, Direction.INCOMING, parameters["client"])


class Cut:
    """Nothing comes in and nothing goes out, but for the kubelet's probes."""

    reads = frozenset({Kind.POD, *TARGETS})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        return _from_client(scene, {"kind": "partition"}, Direction.BOTH, parameters["client"])


class Lookups:
    """Answers to its lookups are lost or say that they failed, whoever it asks."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        rcode, name = Rcode(parameters["rcode"]), parameters["name"]
        answers = {"kind": "answers", "rcode": rcode, "name": name or None}
        # Of all that servers say TCP can be lost too: then nothing of it is read.
        everything = rcode is Rcode.NONE and not name
        fault = {"kind": "partition"} if everything else answers
        return _in_each_pod(scene, fault, {"peer_ports": [53]})


class UnansweredCalls:
    """Its connections to one Service are accepted, and then nothing comes of them."""

    reads = frozenset({Kind.POD, Kind.SERVICE, Kind.ENDPOINT_SLICE})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        name = parameters["dependency"]
        services = scene.objects[Kind.SERVICE]
        service = next((each for each in services if each["metadata"]["name"] == name), None)
        if service is None:
            raise NotApplicableError(f"there is no Service {name}")
        slices = [
            each
            for each in scene.objects[Kind.ENDPOINT_SLICE]
            if (each["metadata"].get("labels") or {}).get(_SERVICE_NAME) == name
        ]
        peers = {*contacts.cluster_addresses(service), *contacts.endpoint_addresses(slices)}
        ports = {
            port
            for each in (service["spec"], *slices)
            for port in contacts.tcp_ports(each.get("ports"))
        }
        if not peers or not ports:
            raise NotApplicableError(f"Service {name} leads nowhere")
        traffic = {"peers": sorted(peers), "peer_ports": sorted(ports)}
        asks = contacts.of_service(service) or contacts.of_slices(slices)
        return _in_each_pod(scene, {"kind": "unanswered"}, traffic, asks)


def _from_client(
    scene: Scene, fault: Mapping[str, Any], direction: Direction, client: str
) -> tuple[NodeStep, ...]:
    """Return the steps against a client's pods, or without one against everybody."""
    if not client:
        return _in_each_pod(scene, fault, {"direction": direction})
    pods = pods_of(scene.other(client), scene.objects[Kind.POD])
    peers = {str(each["ip"]) for pod in pods for each in pod["status"].get("podIPs") or ()}
    if not peers:
        raise NotApplicableError(f"its client {client} has no pods with an address")
    traffic = {"direction": direction, "peers": sorted(peers)}
    return _in_each_pod(scene, fault, traffic, contacts.of_pods(pods))


def _in_each_pod(
    scene: Scene,
    fault: Mapping[str, Any],
    traffic: Mapping[str, Any],
    asks: Sequence[Endpoint] = (),
) -> tuple[NodeStep, ...]:
    pods = scene.pods()
    if not pods:
        raise NotApplicableError("it has no pods")
    meant = {"direction": Direction.INCOMING, **traffic}
    try:
        means = PacketFault.model_validate({"fault": fault, "traffic": meant, "asks": asks})
    except ValidationError as error:
        wrong = "; ".join(each["msg"] for each in error.errors(include_url=False))
        raise NotApplicableError(f"that cannot be made on a node: {wrong}") from error
    return in_networks(pods, means)
