"""The API server's JSON as typed facts. Pure and total: what is malformed is left out.

Names, reasons and messages are data. They are compared with words that the kubelet or a controller
writes into fields of its own, and shown to people; nothing else comes of them.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

TEMPLATE_HASH = "pod-template-hash"
REVISION_HASH = "controller-revision-hash"
"""The same for StatefulSets and DaemonSets."""
REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Container:
    """One container's state, with how it ended last."""

    name: str
    image: str
    ready: bool
    running: bool
    running_since: dt.datetime | None
    restarts: int
    waiting: str | None
    exit_code: int | None
    exit_reason: str | None
    ended_at: dt.datetime | None
    memory_limited: bool = True
    """Whether its pod gives it a memory limit of its own."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod."""

    name: str
    uid: str
    node: str | None
    phase: str
    ready: bool
    terminating: bool
    unschedulable: bool
    template_hash: str | None
    created_at: dt.datetime | None
    containers: tuple[Container, ...]

    @property
    def serves(self) -> bool:
        """Return whether Services send it traffic: one that is leaving gets none, ready or not."""
        return self.ready and not self.terminating

    @property
    def in_trouble(self) -> bool:
        """Return whether a container waits for what will not come, or ended badly."""
        return not self.terminating and any(
            each.waiting not in (None, "ContainerCreating", "PodInitializing")
            or (each.exit_code not in (None, 0) and not each.ready)
            for each in self.containers
        )

    @property
    def logs(self) -> Iterator[tuple[str, bool]]:
        """Yield what has a log: a container, and whether of the run before this one."""
        for each in self.containers:
            if each.running or each.exit_code is not None:
                runs = (True, False) if each.restarts else (False,)
                yield from ((each.name, previous) for previous in runs)


@dataclass(frozen=True, slots=True)
class Workload:
    """A controller: what it wants and what it has."""

    kind: str
    name: str
    uid: str
    desired: int | None
    updated: int
    ready: int
    rolling_out: bool
    template: Object
    denied: str | None
    """Why it may make no more pods, in the API server's words."""
    by_hand: bool = False
    """Whether it leaves old pods alone until somebody deletes them (``OnDelete``)."""


@dataclass(frozen=True, slots=True)
class EventNote:
    """One Event of the API server."""

    reason: str
    note: str
    regarding: str
    """Kind and name, such as ``Pod/checkout-1``."""
    last_at: dt.datetime | None
    count: int = 1
    """How often it was said."""


def mapping(value: Any) -> Object:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> Sequence[Object]:
    """Return the objects of a JSON list, none for anything else."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return a string, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int:
    """Return a whole number, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(value: Any) -> dt.datetime | None:
    """Return a time of the API server."""
    try:
        found = dt.datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found if found.tzinfo else None


def metadata(obj: Object) -> Object:
    """Return an object's metadata."""
    return mapping(obj.get("metadata"))


def pod_of(obj: Object) -> Pod:
    """Read a pod."""
    meta, status, spec = metadata(obj), mapping(obj.get("status")), mapping(obj.get("spec"))
    conditions = {
        text(each.get("type")): (text(each.get("status")), text(each.get("reason")))
        for each in items(status.get("conditions"))
    }
    labels = mapping(meta.get("labels"))
    statuses = [
        *items(status.get("initContainerStatuses")),
        *items(status.get("containerStatuses")),
    ]
    wanted = {
        text(each.get("name")): each
        for each in [*items(spec.get("initContainers")), *items(spec.get("containers"))]
    }
    return Pod(
        name=text(meta.get("name")),
        uid=text(meta.get("uid")),
        node=text(spec.get("nodeName")) or None,
        phase=text(status.get("phase")),
        ready=conditions.get("Ready", ("", ""))[0] == "True",
        terminating="deletionTimestamp" in meta,
        unschedulable=conditions.get("PodScheduled") == ("False", "Unschedulable"),
        template_hash=text(labels.get(TEMPLATE_HASH)) or text(labels.get(REVISION_HASH)) or None,
        created_at=moment(meta.get("creationTimestamp")),
        containers=tuple(_container(each, wanted) for each in statuses),
    )


def account_of(pod: Object) -> str:
    """Return the service account that a pod runs as."""
    return text(mapping(pod.get("spec")).get("serviceAccountName")) or "default"


def _container(status: Object, wanted: Mapping[str, Object]) -> Container:
    state = mapping(status.get("state"))
    ended = mapping(state.get("terminated")) or mapping(
        mapping(status.get("lastState")).get("terminated")
    )
    code = ended.get("exitCode")
    name = text(status.get("name"))
    declared = wanted.get(name)
    limits = mapping(mapping(mapping(declared).get("resources")).get("limits"))
    return Container(
        name=name,
        # As the template has it: the runtime may have resolved it to another name.
        image=text(mapping(declared).get("image")) or text(status.get("image")),
        ready=status.get("ready") is True,
        running="running" in state,
        running_since=moment(mapping(state.get("running")).get("startedAt")),
        restarts=number(status.get("restartCount")),
        waiting=text(mapping(state.get("waiting")).get("reason")) or None,
        exit_code=code if isinstance(code, int) else None,
        exit_reason=text(ended.get("reason")) or None,
        ended_at=moment(ended.get("finishedAt")),
        memory_limited=declared is None or "memory" in limits,
    )


def workload_of(kind: str, obj: Object) -> Workload:
    """Read a Deployment, StatefulSet or DaemonSet."""
    meta, spec, status = metadata(obj), mapping(obj.get("spec")), mapping(obj.get("status"))
    daemons = kind == "DaemonSet"
    desired = status.get("desiredNumberScheduled") if daemons else spec.get("replicas", 1)
    updated = number(status.get("updatedNumberScheduled" if daemons else "updatedReplicas"))
    total = number(status.get("currentNumberScheduled" if daemons else "replicas"))
    behind = number(status.get("observedGeneration")) < number(meta.get("generation"))
    # Then only people replace pods: that some are of an older template is no rollout.
    by_hand = mapping(spec.get("updateStrategy")).get("type") == "OnDelete"
    return Workload(
        kind=kind,
        name=text(meta.get("name")),
        uid=text(meta.get("uid")),
        desired=number(desired) if desired is not None else None,
        updated=updated,
        ready=number(status.get("numberReady" if daemons else "readyReplicas")),
        # Old pods are left: one that is only short of replicas is not rolling out.
        rolling_out=behind or (updated < total and not by_hand),
        by_hand=by_hand,
        template=mapping(spec.get("template")),
        denied=next(
            (
                text(each.get("message"))
                for each in items(status.get("conditions"))
                if text(each.get("type")) == "ReplicaFailure" and text(each.get("status")) == "True"
            ),
            None,
        ),
    )


def event_of(obj: Object) -> EventNote:
    """Read an Event, of ``events.k8s.io/v1`` or as the core group has it."""
    regarding = mapping(obj.get("regarding") or obj.get("involvedObject"))
    series = mapping(obj.get("series"))
    times = (
        moment(value)
        for value in (
            series.get("lastObservedTime"),
            obj.get("deprecatedLastTimestamp"),
            obj.get("lastTimestamp"),
            obj.get("eventTime"),
            metadata(obj).get("creationTimestamp"),
        )
    )
    counts = (series.get("count"), obj.get("deprecatedCount"), obj.get("count"))
    return EventNote(
        reason=text(obj.get("reason")),
        note=text(obj.get("note") or obj.get("message")),
        regarding=f"{text(regarding.get('kind'))}/{text(regarding.get('name'))}",
        last_at=next((time for time in times if time), None),
        count=max(1, *map(number, counts)),
    )
