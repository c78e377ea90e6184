"""From raw objects to views. Total: no object, however malformed, makes it raise."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping

from ooda.common.cluster.kinds import Kind
from ooda.common.masking import mask
from ooda.common.pod_templates import config_maps_at_start, config_maps_of
from ooda.observer.core.containers import parse_containers
from ooda.observer.core.dependencies import hosts_of
from ooda.observer.core.reading import Json, condition, items, mapping, moment, number, text, texts
from ooda.observer.core.reports import MESSAGE_LIMIT, endpoints, occurrence, renewal
from ooda.observer.core.views import (
    Budget,
    Content,
    Key,
    Meta,
    Node,
    Pod,
    View,
    Workload,
)

MINIMUM_ANNOTATION = "ooda.dev/minimum-replicas"
PROGRESS_DEADLINE = 600.0
"""Seconds; what the API server gives a Deployment that names none, used for the others too."""

CONTENTS = (
    Kind.SERVICE,
    Kind.CONFIG_MAP,
    Kind.NETWORK_POLICY,
    Kind.NAMESPACE,
    Kind.ROLE,
    Kind.ROLE_BINDING,
)
GRANTS = {Kind.ROLE: ("rules",), Kind.ROLE_BINDING: ("roleRef", "subjects")}
"""What is read of the objects that say who may do what."""


def parse(kind: Kind, raw: Json, now: dt.datetime) -> View | None:
    """Return the view of an object, None if it has no name or is not of interest."""
    meta = parse_meta(kind, raw)
    if not meta.name:
        return None
    if kind in CONTENTS:
        return _content(meta, raw, now)
    read = _READERS.get(kind)
    return read(meta, raw) if read else None


def parse_meta(kind: Kind, raw: Json) -> Meta:
    """Return what identifies an object."""
    meta = mapping(raw, "metadata")
    deletion = moment(meta.get("deletionTimestamp"))
    if deletion is not None:
        # It names the end of the grace period, not the moment of the request.
        grace = min(max(number(meta.get("deletionGracePeriodSeconds")), 0), 86_400)
        deletion -= dt.timedelta(seconds=grace)
    version = text(meta.get("resourceVersion"))
    annotations = texts(meta.get("annotations"))
    return Meta(
        kind=str(kind),
        namespace=text(meta.get("namespace")),
        name=text(meta.get("name")),
        uid=text(meta.get("uid")),
        version=int(version) if version.isascii() and version.isdigit() else None,
        created_at=moment(meta.get("creationTimestamp")),
        deleted_at=deletion,
        owner=_owner(meta),
        labels=texts(meta.get("labels")),
        annotations={key: annotations[key] for key in (MINIMUM_ANNOTATION,) if key in annotations},
    )


def _owner(meta: Json) -> Key | None:
    for each in items(meta.get("ownerReferences")):
        if each.get("controller") is True:
            return text(each.get("kind")), text(each.get("name"))
    return None


def _pod(meta: Meta, raw: Json) -> Pod:
    spec, status = mapping(raw, "spec"), mapping(raw, "status")
    ready, disruption = condition(status, "Ready"), condition(status, "DisruptionTarget")
    placed = condition(status, "PodScheduled")
    homeless = placed.get("status") == "False" and placed.get("reason") == "Unschedulable"
    words = mask(text(placed.get("message")))[:MESSAGE_LIMIT] or "no node"
    return Pod(
        meta=meta,
        node=text(spec.get("nodeName")) or None,
        phase=text(status.get("phase")) or "Unknown",
        reason=text(status.get("reason")) or None,
        ready=ready.get("status") == "True",
        ready_since=moment(ready.get("lastTransitionTime")),
        prepared_at=_prepared(status),
        unscheduled=words if homeless else "",
        unscheduled_since=moment(placed.get("lastTransitionTime")),
        disruption=text(disruption.get("reason")) if disruption.get("status") == "True" else "",
        containers=parse_containers(spec, status, MESSAGE_LIMIT),
        config_maps=tuple(sorted(config_maps_of(raw))),
        environment=config_maps_at_start(raw),
        ports=frozenset(_ports(spec)),
        account=text(spec.get("serviceAccountName")) or "default",
    )


def _ports(spec: Json) -> Iterator[str]:
    for container in items(spec.get("containers")):
        for port in items(container.get("ports")):
            yield str(port.get("containerPort"))
            yield text(port.get("name"))


def _prepared(status: Json) -> dt.datetime | None:
    steps = [condition(status, each) for each in ("PodScheduled", "PodReadyToStartContainers")]
    times = (moment(e.get("lastTransitionTime")) for e in steps if e.get("status") == "True")
    return max((each for each in times if each is not None), default=None)


def _workload(meta: Meta, raw: Json) -> Workload:
    spec, status = mapping(raw, "spec"), mapping(raw, "status")
    desired, current, updated, ready, available = _counts(meta.kind, spec, status)
    failed, complete = condition(status, "Failed"), condition(status, "Complete")
    end = next((each for each in (failed, complete) if each.get("status") == "True"), {})
    progressing, denied = condition(status, "Progressing"), condition(status, "ReplicaFailure")
    is_denied = denied.get("status") == "True" and denied.get("reason") == "FailedCreate"
    # Kept only for what can be rolled back: a ReplicaSet repeats its Deployment's template.
    template = {} if meta.kind == Kind.REPLICA_SET else mapping(spec, "template")
    return Workload(
        meta=meta,
        generation=number(mapping(raw, "metadata").get("generation")),
        observed=number(status.get("observedGeneration")),
        desired=desired,
        current=current,
        updated=updated,
        ready=ready,
        available=available,
        template=template,
        progress_deadline=float(
            number(spec.get("progressDeadlineSeconds"), int(PROGRESS_DEADLINE))
        ),
        overdue=progressing.get("reason") == "ProgressDeadlineExceeded",
        denied=(mask(text(denied.get("message")))[:MESSAGE_LIMIT] or "no") if is_denied else "",
        denied_since=moment(denied.get("lastTransitionTime")),
        finished=text(end.get("type")),
        finished_at=moment(end.get("lastTransitionTime")),
        backoff_limit=number(spec.get("backoffLimit"), 6),
        finished_reason=text(end.get("reason"))[:MESSAGE_LIMIT],
        suspended=spec.get("suspend") is True,
        hosts=hosts_of(template),
    )


def _counts(kind: str, spec: Json, status: Json) -> tuple[int, int, int, int, int]:
    """Return desired, current, updated, ready and available replicas."""
    match kind:
        case Kind.DAEMON_SET:
            fields = (
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "updatedNumberScheduled",
                "numberReady",
                "numberAvailable",
            )
            desired, current, updated, ready, available = (number(status.get(f)) for f in fields)
            return desired, current, updated, ready, available
        case Kind.JOB:
            active, ready = number(status.get("active")), number(status.get("ready"))
            return active, active, active, ready, ready
        case Kind.CRON_JOB:
            return 0, 0, 0, 0, 0
        case _:
            current = number(status.get("replicas"))
            updated = number(status.get("updatedReplicas"))
            ready = number(status.get("readyReplicas"))
            available = number(status.get("availableReplicas"))
            return number(spec.get("replicas"), 1), current, updated, ready, available


def _node(meta: Meta, raw: Json) -> Node:
    ready = condition(mapping(raw, "status"), "Ready").get("status") == "True"
    unschedulable = mapping(raw, "spec").get("unschedulable") is True
    return Node(meta, unschedulable=unschedulable, ready=ready)


def _content(meta: Meta, raw: Json, now: dt.datetime) -> Content:
    spec = mapping(raw, "spec")
    if meta.kind == Kind.SERVICE:
        # A Service without selector selects nobody; its endpoints are somebody else's business.
        selector = texts(spec.get("selector")) or None
    elif meta.kind == Kind.NETWORK_POLICY:
        selector = texts(mapping(spec, "podSelector").get("matchLabels"))
    else:
        selector = None
    body = spec
    if meta.kind == Kind.CONFIG_MAP:
        body = {field: raw[field] for field in ("data", "binaryData") if mapping(raw, field)}
    elif meta.kind == Kind.NAMESPACE:
        body = {}
    elif meta.kind in GRANTS:
        body = {field: raw.get(field) for field in GRANTS[Kind(meta.kind)]}
    return Content(meta, body, selector, now)


def _budget(meta: Meta, raw: Json) -> Budget:
    spec = mapping(raw, "spec")
    selector = mapping(spec, "selector")
    # Expressions are not evaluated: a budget that has some is taken to select by its labels.
    labels = texts(selector.get("matchLabels")) if "selector" in spec else None
    return Budget(meta, labels, _amount(spec, "minAvailable"), _amount(spec, "maxUnavailable"))


def _amount(spec: Json, field: str) -> int | str | None:
    value = spec.get(field)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


_READERS: Mapping[Kind, Callable[[Meta, Json], View | None]] = {
    Kind.POD: _pod,
    Kind.NODE: _node,
    Kind.POD_DISRUPTION_BUDGET: _budget,
    Kind.ENDPOINT_SLICE: endpoints,
    Kind.LEASE: renewal,
    Kind.EVENT: occurrence,
    **dict.fromkeys(
        (
            Kind.DEPLOYMENT,
            Kind.REPLICA_SET,
            Kind.STATEFUL_SET,
            Kind.DAEMON_SET,
            Kind.JOB,
            Kind.CRON_JOB,
        ),
        _workload,
    ),
}
