"""What endpoints and request metrics say of a Service. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ooda.common.known_good import ports_astray
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import Object, items, mapping, metadata, pod_of, text
from ooda.orienter.core.signs import Sign
from ooda.orienter.core.weights import Weights


def read_endpoints(slices: Sequence[Object], ready_pods: int | None) -> Seen:
    """Compare the ready addresses of a Service with the ready pods behind it.

    ``ready_pods`` is None if the workload behind it is not known. No endpoints while no pod is
    ready is a consequence, not a cause: that says nothing.
    """
    ready, total = 0, 0
    for each in slices:
        for endpoint in items(each.get("endpoints")):
            addresses = endpoint.get("addresses")
            count = len(addresses) if isinstance(addresses, list) else 0
            total += count
            ready += count if mapping(endpoint.get("conditions")).get("ready") is not False else 0
    names = ", ".join(text(metadata(each).get("name")) for each in slices) or "no EndpointSlice"
    excerpt = f"{names}: {ready} of {total} addresses ready; {ready_pods} pods ready behind it"
    if ready:
        return Seen(frozenset({Sign.ENDPOINTS_READY}), excerpt)
    if ready_pods:
        return Seen(frozenset({Sign.ENDPOINTS_EMPTY_THOUGH_READY}), excerpt)
    return Seen(excerpt=excerpt)


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a Service leads, and where it led when it was good."""

    spec: Object
    good: Object
    chosen: Sequence[Object]
    """Pods that it selects, ready or not."""
    served: Sequence[Object]
    """Pods that it selected when it was good."""


def read_routing(routing: Routing) -> Seen:
    """Compare where a Service leads with where it led: a pod that is not ready proves nothing."""
    ready = sum(pod_of(each).serves for each in routing.served)
    if ready and not routing.chosen:
        words = f"selects no pod; {ready} pods are ready that it selected when it was good"
        return Seen(frozenset({Sign.SERVICE_SELECTS_NOBODY}), words)
    declared = {
        port
        for pod in routing.chosen
        if pod_of(pod).serves
        for container in items(mapping(pod.get("spec")).get("containers"))
        for each in items(container.get("ports"))
        for port in (str(each.get("containerPort")), text(each.get("name")))
    }
    new = ports_astray(routing.spec, routing.good, declared)
    if new:
        have = ", ".join(sorted(declared - {""}))
        words = f"leads to port {', '.join(new)}; the pods behind it have {have}"
        return Seen(frozenset({Sign.SERVICE_TARGETS_NO_PORT}), words)
    return Seen()


@dataclass(frozen=True, slots=True)
class MetricProfile:
    """How one family of instrumentation counts requests; a label is empty if there is none."""

    name: str
    metric: str
    service: str
    namespace: str
    status: str


PROFILES = (
    MetricProfile(
        "otel_http",
        "http_server_request_duration_seconds_count",
        "service",
        "namespace",
        "http_response_status_code",
    ),
    MetricProfile(
        "istio",
        "istio_requests_total",
        "destination_service_name",
        "destination_service_namespace",
        "response_code",
    ),
)


def error_query(profile: MetricProfile, service: str, namespace: str, window: int) -> str:
    """Return the query for requests per second by status, over a window in seconds."""
    selector = f"{profile.service}={quoted(service)},{profile.namespace}={quoted(namespace)}"
    if profile.name == "istio":
        selector += ',reporter="destination"'  # both sides report: one would be counted twice
    return f"sum by ({profile.status}) (rate({profile.metric}{{{selector}}}[{window}s]))"


def read_error_rate(rates: Mapping[str, float], window: int, weights: Weights) -> Seen:
    """Judge the part of the requests that ended with a status of 500 and above."""
    total = sum(rates.values())
    if total <= 0:
        return Seen(excerpt=f"no requests in the last {window} s")
    failed = sum(rate for status, rate in rates.items() if status.startswith("5"))
    ratio = failed / total
    excerpt = f"{ratio:.1%} of {total:.2f} requests/s failed in the last {window} s"
    if ratio >= weights.error_ratio_high:
        return Seen(frozenset({Sign.ERRORS_HIGH}), excerpt)
    if ratio <= weights.error_ratio_low:
        return Seen(frozenset({Sign.ERRORS_LOW}), excerpt)
    return Seen(excerpt=excerpt)


def quoted(value: str) -> str:
    """Return a string of PromQL."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
