"""From a decision and the live objects to exact steps, or a refusal in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import ValidationError

from ooda.actor.core.contents import config_changes, service_changes
from ooda.actor.core.in_place import InPlace, Placed, Starting, in_place
from ooda.actor.core.memory import Room, raised
from ooda.actor.core.owners import owner_uid, owner_uid_by
from ooda.actor.core.patches import generation_of
from ooda.actor.core.pointers import value_at
from ooda.common.approvals import Ground
from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionRequest, BeforeImage
from ooda.common.known_good import KnownGoodSpec, last_good_template, workload_key
from ooda.common.plans import (
    CONFIG_MAP_PARAMETER,
    POD_PARAMETER,
    Basis,
    CordonStep,
    DeletePodStep,
    FieldChange,
    ObjectRef,
    PatchStep,
    ResizeStep,
    Step,
)
from ooda.common.targets import NodeTarget, ServiceTarget, WorkloadTarget
from ooda.common.taxonomy import ActionKind

_WITH_TEMPLATE = (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)
_WITH_REPLICAS = (Kind.DEPLOYMENT, Kind.STATEFUL_SET)


@dataclass(frozen=True, slots=True)
class Scene:
    """The live objects that a plan is made from; None is: there is none."""

    workload: Object | None
    catalog: Object | None = None
    """The namespace's ``KnownGood`` object."""
    pod: Object | None = None
    """The pod that the action names."""
    replica_set: Object | None = None
    """The pod's controller, if that is a ReplicaSet."""
    config_map: Object | None = None
    """The ConfigMap that the action names."""
    service: Object | None = None
    """The Service that is the target."""
    node: Object | None = None
    """The node that the action is about."""
    room: Room = field(default_factory=Room)
    """What node and namespace leave, where the action needs it."""
    others: Sequence[Placed] = ()
    """Pods that the workload may have beside the one that the action names."""
    not_in_place: str | None = None
    """Why pods are not changed while they run, where that is known before it is asked."""
    may_wait: bool = False
    """Whether a container that is about to run is waited for."""


def basis_of(request: ActionRequest, scene: Scene) -> Basis | None:
    """Return what an approval of the action has to hold for; None if its object is not there."""
    target = scene.workload or scene.service or scene.node
    if target is None:
        return None
    known = _known_good(scene)
    spec = known if isinstance(known, KnownGoodSpec) else None
    return Ground(target, spec, scene.pod, scene.config_map).basis(request)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, what it will change, and how it could be taken back."""

    steps: tuple[Step, ...]
    undo: Literal["inverse", "keep", "irreversible"]
    before: tuple[BeforeImage, ...]
    note: str = ""
    """A sentence on why it is done this way, where there was another one."""

    @property
    def in_place(self) -> bool:
        """Return whether it changes pods while they run."""
        return any(isinstance(each, ResizeStep) for each in self.steps)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing can be done."""

    reason: str
    conflict: bool = False
    """Whether the objects changed while they were planned with."""


def plan(request: ActionRequest, scene: Scene) -> Plan | Refusal | Starting:
    """Return the exact steps of an action on the objects as they are now, or why not."""
    match request.target:
        case WorkloadTarget() as target:
            return _on_workload(request, target, scene)
        case ServiceTarget() as target if request.action is ActionKind.ROLL_BACK_SERVICE:
            return _roll_back_service(target, scene)
        case NodeTarget() as target if request.action is ActionKind.CORDON_NODE:
            return _cordon(target, scene.node)
        case target:
            return Refusal(f"{request.action} is no action on {target}.")


def _roll_back_service(target: ServiceTarget, scene: Scene) -> Plan | Refusal:
    if scene.service is None:
        return Refusal(f"{target} does not exist.")
    spec = _known_good(scene)
    if isinstance(spec, Refusal):
        return spec
    changes = service_changes(target.name, value_at(scene.service, "/spec"), spec)
    if isinstance(changes, str):
        return Refusal(changes)
    # What is replaced is what the diagnosis blames: it must never come back.
    return _patch(_reference(Kind.SERVICE, scene.service), changes, "keep")


def _on_workload(
    request: ActionRequest, target: WorkloadTarget, scene: Scene
) -> Plan | Refusal | Starting:
    if target.workload_kind not in _WITH_TEMPLATE:
        return Refusal(f"No action is known on a {target.workload_kind}.")
    if scene.workload is None:
        return Refusal(f"{target} does not exist.")
    workload = _reference(Kind(target.workload_kind), scene.workload)
    given = request.parameters
    pod = given.get(POD_PARAMETER)
    found: Plan | Refusal | Starting
    match request.action:
        case ActionKind.ROLL_BACK_WORKLOAD:
            found = _roll_back(target, workload, scene)
        case ActionKind.ROLL_BACK_CONFIG_MAP:
            found = _roll_back_config(target, given.get(CONFIG_MAP_PARAMETER), scene)
        case ActionKind.RESTART_POD:
            found = _restart(target, workload, pod, scene)
        case ActionKind.SCALE_TO_KNOWN_GOOD:
            found = _scale(target, workload, scene)
        case ActionKind.RAISE_MEMORY_LIMIT:
            found = _raise_limit(target, workload, pod, scene)
        case ActionKind.CORDON_NODE | ActionKind.ROLL_BACK_SERVICE:
            found = Refusal(f"{request.action} is no action on {target}.")
    return found


def _cordon(target: NodeTarget, live: Object | None) -> Plan | Refusal:
    if live is None:
        return Refusal(f"{target} does not exist.")
    if value_at(live, "/spec/unschedulable"):
        return Refusal(f"{target} is cordoned already.")
    node = _reference(Kind.NODE, live)
    before = _image(node, {"/spec/unschedulable": None})
    return Plan((CordonStep(object=node),), "inverse", (before,))


def _roll_back(target: WorkloadTarget, workload: ObjectRef, scene: Scene) -> Plan | Refusal:
    spec = _known_good(scene)
    if isinstance(spec, Refusal):
        return spec
    current = value_at(scene.workload, "/spec/template")
    good = last_good_template(spec, target.workload_kind, target.name, current)
    if good is None:
        return Refusal(f"No known good template of {target} differs from the one it has.")
    # The template that is replaced is what the diagnosis blames: it must never come back.
    change = FieldChange(path="/spec/template", before=current, after=good)
    return _with_stuck(_patch(workload, [change], "keep"), target, workload, scene)


def _with_stuck(patched: Plan, target: WorkloadTarget, workload: ObjectRef, scene: Scene) -> Plan:
    stuck = _stuck(target, workload, scene)
    if stuck is None:
        return patched
    steps = (*patched.steps, DeletePodStep(object=stuck))
    return Plan(steps, patched.undo, (*patched.before, _image(stuck, {})))


def _roll_back_config(target: WorkloadTarget, name: str | None, scene: Scene) -> Plan | Refusal:
    spec = _known_good(scene)
    if isinstance(spec, Refusal):
        return spec
    if not name:
        return Refusal("The decision does not name the ConfigMap to roll back.")
    live = scene.config_map
    changes = config_changes(name, live, value_at(scene.workload, "/spec/template"), spec)
    if isinstance(changes, str) or live is None:
        return Refusal(f"{changes} It was to be rolled back for {target}.")
    # What is replaced is what the diagnosis blames: it must never come back.
    return _patch(_reference(Kind.CONFIG_MAP, live), changes, "keep")


def _stuck(target: WorkloadTarget, workload: ObjectRef, scene: Scene) -> ObjectRef | None:
    """Return the pod that would stay as it is without end, though its template is good again.

    A StatefulSet replaces no pod that never became ready (Kubernetes: StatefulSets, "Forced
    rollback"). It updates them one by one, so there is one such pod: the one that shows the
    failure. With ``OnDelete`` nobody replaces any, also those of a DaemonSet.
    """
    by_hand = value_at(scene.workload, "/spec/updateStrategy/type") == "OnDelete"
    waits = by_hand or target.workload_kind == Kind.STATEFUL_SET
    if not waits or scene.pod is None:
        return None
    leaving = value_at(scene.pod, "/metadata/deletionTimestamp") is not None
    if leaving or owner_uid(scene.pod) != workload.uid or _is_ready(scene.pod):
        return None
    return _reference(Kind.POD, scene.pod)


def _is_ready(pod: Object) -> bool:
    conditions = value_at(pod, "/status/conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _scale(target: WorkloadTarget, workload: ObjectRef, scene: Scene) -> Plan | Refusal:
    if target.workload_kind not in _WITH_REPLICAS:
        return Refusal(f"A {target.workload_kind} has no number of replicas.")
    spec = _known_good(scene)
    if isinstance(spec, Refusal):
        return spec
    known = spec.workloads.get(workload_key(target.workload_kind, target.name))
    current = value_at(scene.workload, "/spec/replicas")
    if known is None or known.replicas is None:
        return Refusal(f"No known good number of replicas of {target} is recorded.")
    if not isinstance(current, int) or known.replicas <= current:
        return Refusal(
            f"{target} asks for {current} replicas, known to be good are {known.replicas}: "
            "it is scaled up only, never down."
        )
    change = FieldChange(path="/spec/replicas", before=current, after=known.replicas)
    # The number that is replaced is what the diagnosis blames: it must never come back.
    return _patch(workload, [change], "keep")


def _restart(
    target: WorkloadTarget, workload: ObjectRef, name: str | None, scene: Scene
) -> Plan | Refusal:
    live = _named_pod(target, workload, name, scene)
    if isinstance(live, Refusal):
        return live
    pod = _reference(Kind.POD, live)
    return Plan((DeletePodStep(object=pod),), "irreversible", (_image(pod, {}),))


def _raise_limit(
    target: WorkloadTarget, workload: ObjectRef, name: str | None, scene: Scene
) -> Plan | Refusal | Starting:
    live, spec = _named_pod(target, workload, name, scene), _known_good(scene)
    if isinstance(live, Refusal):
        return live
    if isinstance(spec, Refusal):
        return spec
    known = spec.workloads.get(workload_key(target.workload_kind, target.name))
    templates = known.templates if known else ()
    why_not = scene.not_in_place
    if why_not is None:
        running = in_place(Placed(live, scene.room.node), scene.others, templates, scene.room)
        match running:
            case InPlace():
                return _resized(running)
            case Starting() if scene.may_wait:
                return running
            case Starting(reason=why_not):
                pass
            case _:
                why_not = running
    found = raised(scene.workload or {}, live, templates, scene.room)
    if isinstance(found, str):
        return Refusal(f"The memory limit of {target} is not raised: {found}.")
    # A limit that was never healthy is what the diagnosis blames: it must never come back.
    undo: Literal["inverse", "keep"] = "inverse" if found.was_good else "keep"
    patched = _with_stuck(_patch(workload, [found.change], undo), target, workload, scene)
    return replace(patched, note=f"Not in place: {why_not.rstrip('.')}.")


def _resized(found: InPlace) -> Plan:
    steps = tuple(
        ResizeStep(
            object=_reference(Kind.POD, each.pod),
            container=each.container,
            changes=(each.change,),
            generation=generation_of(each.pod),
            restarts=each.restarts,
        )
        for each in found.resizes
    )
    before = tuple(
        _image(step.object, {each.path: each.before for each in step.changes}) for step in steps
    )
    return Plan(steps, "inverse" if found.was_good else "keep", before)


def _named_pod(
    target: WorkloadTarget, workload: ObjectRef, name: str | None, scene: Scene
) -> Object | Refusal:
    if not name:
        return Refusal("The decision does not name the pod that it is about.")
    if scene.pod is None:
        return Refusal(f"Pod {target.namespace}/{name} does not exist any more.")
    if value_at(scene.pod, "/metadata/deletionTimestamp") is not None:
        return Refusal(f"Pod {target.namespace}/{name} is terminating already.")
    if workload.uid not in (owner_uid(scene.pod), owner_uid_by(scene.pod, scene.replica_set)):
        return Refusal(f"Pod {target.namespace}/{name} does not belong to {target}.")
    return scene.pod


def _known_good(scene: Scene) -> KnownGoodSpec | Refusal:
    if scene.catalog is None:
        return Refusal("Nothing is recorded as known good in this namespace.")
    try:
        return KnownGoodSpec.model_validate(scene.catalog.get("spec") or {})
    except ValidationError as error:
        return Refusal(f"The catalogue of what is known good is not valid: {error.error_count()}x.")


def _patch(
    reference: ObjectRef, changes: Sequence[FieldChange], undo: Literal["inverse", "keep"]
) -> Plan:
    step = PatchStep(object=reference, changes=tuple(changes))
    return Plan((step,), undo, (_image(reference, {each.path: each.before for each in changes}),))


def _image(reference: ObjectRef, fields: dict[str, object]) -> BeforeImage:
    return BeforeImage(
        object=str(reference),
        uid=reference.uid,
        resource_version=reference.resource_version,
        fields=fields,
    )


def _reference(kind: Kind, live: Object) -> ObjectRef:
    metadata = live["metadata"]
    return ObjectRef(
        kind=kind.value,
        namespace=metadata.get("namespace"),
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata.get("resourceVersion", ""),
    )
