"""From what others report to views: EndpointSlices, the Leases of nodes, and Events."""

import re
from dataclasses import replace

from ooda.common.cluster.kinds import Kind
from ooda.common.masking import mask
from ooda.common.remarks import is_ours
from ooda.observer.core.onset import CANNOT_PULL, CANNOT_START, WAITS
from ooda.observer.core.reading import Json, items, mapping, moment, text
from ooda.observer.core.sources import NODE_LEASES
from ooda.observer.core.views import Endpoints, Meta, Occurrence, Refusal, Renewal

MESSAGE_LIMIT = 300
"""Characters that are kept of a text from the cluster."""
SERVICE_LABEL = "kubernetes.io/service-name"
ENDPOINTS_LIMIT = 1000
"""Endpoints of one slice: the API server takes no more."""
OF_INTEREST = CANNOT_PULL | CANNOT_START | WAITS
FAILED_CREATE = "FailedCreate"
CONTROLLERS = (Kind.STATEFUL_SET, Kind.DAEMON_SET, Kind.JOB)
"""Kinds that have no condition by which they would say it: a Deployment has one."""
_CONTAINER = re.compile(r"ontainers\{([^}]+)\}$")


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


def occurrence(meta: Meta, raw: Json) -> Occurrence | Refusal | None:
    """Return what an Event says of a pod, or of a controller that may make none.

    None if it is about something else, or the agent's own.

    ``eventTime`` and ``series`` are what ``events.k8s.io`` has; the kubelet still writes the old
    API, whose times are in the ``deprecated`` fields.
    """
    about = mapping(raw, "regarding") or mapping(raw, "involvedObject")
    reason = text(raw.get("reason"))
    refused = reason == FAILED_CREATE and about.get("kind") in CONTROLLERS
    of_a_pod = reason in OF_INTEREST and about.get("kind") == Kind.POD
    if is_ours(raw) or not (refused or of_a_pod):
        return None
    first = (
        moment(raw.get("eventTime"))
        or moment(raw.get("deprecatedFirstTimestamp"))
        or meta.created_at
    )
    last = moment(mapping(raw, "series").get("lastObservedTime")) or moment(
        raw.get("deprecatedLastTimestamp")
    )
    note = text(raw.get("note")) or text(raw.get("message"))
    slim = replace(meta, labels={}, annotations={})
    if refused:
        key = text(about.get("kind")), text(about.get("name"))
        said = mask(note)[:MESSAGE_LIMIT]
        return Refusal(slim, key, text(about.get("uid")), said, first, last or first)
    field = _CONTAINER.search(text(about.get("fieldPath")))
    return Occurrence(
        meta=slim,
        pod=text(about.get("name")),
        uid=text(about.get("uid")),
        container=field[1] if field else "",
        reason=reason,
        note=mask(note)[:MESSAGE_LIMIT],
        first_at=first,
        last_at=last or first,
    )
