"""Faults in the network of every pod of the target, made on the pods' nodes. Pure.

Peers are named as the pod itself sees them: its clients by the addresses of their pods, a
dependency by the cluster address of its Service and, for a Service without one, by its endpoints.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import NodeStep, Step
from ooda.common.node_means import Direction, PacketFault, Rcode
from ooda.injector.core.workloads import TARGETS
from ooda.injector.faults.scene import NotApplicableError, Scene, on_nodes, pods_of

_SERVICE_NAME = "kubernetes.io/service-name"
_HEADLESS = "None"


class PacketLoss:
    """A share of the packets that it receives is lost."""

    reads = frozenset({Kind.POD, *TARGETS})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        lost = {"kind": "loss", "percent": int(parameters["percent"])}
        return _in_each_pod(scene, lost, peers=_clients(scene, parameters["client"]))


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
        return _in_each_pod(scene, late, peers=_clients(scene, parameters["client"]))


class Cut:
    """Nothing comes in and nothing goes out, but for the kubelet's probes."""

    reads = frozenset({Kind.POD, *TARGETS})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        peers = _clients(scene, parameters["client"])
        cut = {"kind": "partition"}
        return _in_each_pod(scene, cut, direction=Direction.BOTH, peers=peers)


class Lookups:
    """Answers to its lookups are lost or say that they failed, whoever it asks."""

    reads = frozenset({Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        rcode, name = Rcode(parameters["rcode"]), parameters["name"]
        answers = {"kind": "answers", "rcode": rcode, "name": name or None}
        # Of all that servers say TCP can be lost too: then nothing of it is read.
        everything = rcode is Rcode.NONE and not name
        return _in_each_pod(
            scene, {"kind": "partition"} if everything else answers, peer_ports=[53]
        )


class UnansweredCalls:
    """Its connections to one Service are accepted, and then nothing comes of them."""

    reads = frozenset({Kind.POD, Kind.SERVICE, Kind.ENDPOINT_SLICE})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        name = parameters["dependency"]
        service = _named(scene.objects[Kind.SERVICE], name)
        if service is None:
            raise NotApplicableError(f"there is no Service {name}")
        slices = [
            each
            for each in scene.objects[Kind.ENDPOINT_SLICE]
            if (each["metadata"].get("labels") or {}).get(_SERVICE_NAME) == name
        ]
        peers = sorted({*_addresses_of(service), *_endpoints(slices)})
        ports = sorted({*_ports(service["spec"].get("ports")), *_ports_of(slices)})
        if not peers or not ports:
            raise NotApplicableError(f"Service {name} leads nowhere")
        return _in_each_pod(scene, {"kind": "unanswered"}, peers=peers, peer_ports=ports)


def _in_each_pod(
    scene: Scene,
    fault: Mapping[str, Any],
    *,
    direction: Direction = Direction.INCOMING,
    peers: Sequence[str] = (),
    peer_ports: Sequence[int] = (),
) -> tuple[NodeStep, ...]:
    pods = scene.pods()
    if not pods:
        raise NotApplicableError("it has no pods")
    traffic = {"direction": direction, "peers": peers, "peer_ports": peer_ports}
    try:
        means = PacketFault.model_validate({"fault": fault, "traffic": traffic})
    except ValidationError as error:
        wrong = "; ".join(each["msg"] for each in error.errors(include_url=False))
        raise NotApplicableError(f"that cannot be made on a node: {wrong}") from error
    for each in pods:
        if each["spec"].get("hostNetwork"):
            raise NotApplicableError(f"pod {each['metadata']['name']} has the network of its node")
    return on_nodes(pods, means)


def _clients(scene: Scene, client: str) -> Sequence[str]:
    """Return the addresses of a client's pods; of none, that is nobody in particular."""
    if not client:
        return ()
    found = {
        str(each["ip"])
        for pod in pods_of(scene.other(client), scene.objects[Kind.POD])
        for each in pod["status"].get("podIPs") or ()
    }
    if not found:
        raise NotApplicableError(f"its client {client} has no pods with an address")
    return sorted(found)


def _named(objects: Sequence[Object], name: str) -> Object | None:
    return next((each for each in objects if each["metadata"]["name"] == name), None)


def _addresses_of(service: Object) -> Iterator[str]:
    for each in service["spec"].get("clusterIPs") or ():
        if each != _HEADLESS:
            yield str(each)


def _endpoints(slices: Sequence[Object]) -> Iterator[str]:
    for each in slices:
        if each["addressType"] != "FQDN":
            for endpoint in each.get("endpoints") or ():
                yield from endpoint["addresses"]


def _ports(ports: Sequence[Mapping[str, Any]] | None) -> Iterator[int]:
    for each in ports or ():
        if each.get("protocol", "TCP") == "TCP" and each.get("port"):
            yield int(each["port"])


def _ports_of(slices: Sequence[Object]) -> Iterator[int]:
    for each in slices:
        yield from _ports(each.get("ports"))
