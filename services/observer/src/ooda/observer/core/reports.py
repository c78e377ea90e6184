"""From what others report to views: EndpointSlices, the Leases of nodes, and Events."""

from dataclasses import replace

from ooda.common.cluster.kinds import Kind
from ooda.observer.core.reading import Json, items, mapping, moment, text
from ooda.observer.core.sources import NODE_LEASES
from ooda.observer.core.views import Endpoints, Meta, PodWarning, Renewal

MESSAGE_LIMIT = 300
"""Characters that are kept of a text from the cluster."""
SERVICE_LABEL = "kubernetes.io/service-name"
ENDPOINTS_LIMIT = 1000
"""Endpoints of one slice: the API server takes no more."""
WAITING_FOR_KUBELET = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")


def endpoints(meta: Meta, raw: Json) -> Endpoints | None:
    """Return which pods a slice names, None if it is of no Service."""
    service = meta.labels.get(SERVICE_LABEL)
    if service is None:
        return None
    ready: set[str] = set()
    unready: set[str] = set()
    for each in list(items(raw.get("endpoints")))[:ENDPOINTS_LIMIT]:
        about = mapping(each, "targetRef")
        if about.get("kind") == Kind.POD and text(about.get("name")):
            # Nothing said means ready, says the API.
            serves = mapping(each, "conditions").get("ready") is not False
            (ready if serves else unready).add(text(about.get("name")))
    slim = replace(meta, labels={}, annotations={})
    return Endpoints(slim, service, frozenset(ready), frozenset(unready))


def renewal(meta: Meta, raw: Json) -> Renewal | None:
    """Return the renewal of a node's Lease, None for any other Lease."""
    if meta.namespace != NODE_LEASES:
        return None
    return Renewal(meta, moment(mapping(raw, "spec").get("renewTime")))


def warning(meta: Meta, raw: Json) -> PodWarning | None:
    """Return why a pod waits for the kubelet, None if the Event is about something else."""
    about = mapping(raw, "regarding") or mapping(raw, "involvedObject")
    reason = text(raw.get("reason"))
    if reason not in WAITING_FOR_KUBELET or about.get("kind") != Kind.POD:
        return None
    at = (
        moment(mapping(raw, "series").get("lastObservedTime"))
        or moment(raw.get("eventTime"))
        or moment(raw.get("deprecatedLastTimestamp"))
    )
    note = text(raw.get("note")) or text(raw.get("message"))
    return PodWarning(meta, text(about.get("name")), reason, note[:MESSAGE_LIMIT], at)
