"""Whom connections are opened to, to see whether a fault bites. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ooda.common.cluster.interface import Object
from ooda.common.node_means import Endpoint

NOBODY: Final = 9
"""A port (discard) that nobody serves: who is there refuses, which tells as much."""
_MOST: Final = 4
_HEADLESS: Final = "None"


def of_service(service: Object) -> tuple[Endpoint, ...]:
    """Return where a Service is, as every pod sees it: none if it has no address of its own."""
    ports = tcp_ports(service["spec"].get("ports"))[:1]
    return _at(cluster_addresses(service), ports)


def of_slices(slices: Sequence[Object]) -> tuple[Endpoint, ...]:
    """Return where a Service leads to."""
    found = (
        each
        for one in slices
        for each in _at(endpoint_addresses([one]), tcp_ports(one.get("ports"))[:1])
    )
    return tuple(found)[:_MOST]


def of_pods(pods: Sequence[Object]) -> tuple[Endpoint, ...]:
    """Return where pods are: at the first port that they declare, or at one that nobody serves."""
    found = (
        Endpoint.model_validate({"address": each["ip"], "port": _declared(pod)})
        for pod in pods
        for each in (pod.get("status") or {}).get("podIPs") or ()
    )
    return tuple(found)[:_MOST]


def cluster_addresses(service: Object) -> Sequence[str]:
    """Return the addresses of a Service itself."""
    return [str(each) for each in service["spec"].get("clusterIPs") or () if each != _HEADLESS]


def endpoint_addresses(slices: Sequence[Object]) -> Sequence[str]:
    """Return the addresses that a Service leads to."""
    return [
        str(address)
        for each in slices
        if each["addressType"] != "FQDN"
        for endpoint in each.get("endpoints") or ()
        for address in endpoint["addresses"]
    ]


def tcp_ports(ports: Sequence[Mapping[str, Any]] | None) -> Sequence[int]:
    """Return the ports of TCP, of a Service or of its endpoints."""
    return [
        int(each["port"])
        for each in ports or ()
        if each.get("protocol", "TCP") == "TCP" and each.get("port")
    ]


def _declared(pod: Object) -> int:
    declared = (
        int(each["containerPort"])
        for container in pod["spec"].get("containers") or ()
        for each in container.get("ports") or ()
        if each.get("protocol", "TCP") == "TCP"
    )
    return next(declared, NOBODY)


def _at(addresses: Sequence[str], ports: Sequence[int]) -> tuple[Endpoint, ...]:
    found = ({"address": each, "port": port} for each in addresses for port in ports)
    return tuple(Endpoint.model_validate(each) for each in found)[:_MOST]
