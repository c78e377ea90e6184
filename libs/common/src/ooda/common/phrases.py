"""What an action is called in sentences for people, in one place for all who speak of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from ooda.common.events import ActionRequest
from ooda.common.plans import (
    CONFIG_MAP_PARAMETER,
    MEMORY_LIMIT,
    POD_PARAMETER,
    DeletePodStep,
    PatchStep,
    ResizeStep,
    Step,
)
from ooda.common.targets import PodTarget, ServiceTarget, Target, WorkloadTarget
from ooda.common.taxonomy import ActionKind, Outcome


@dataclass(frozen=True, slots=True)
class Deed:
    """An action on a target, as far as it is known: a decision knows less than a plan."""

    action: ActionKind
    target: Target
    pod: str | None = None
    replicas: int | None = None
    config_map: str | None = None
    memory: str | None = None
    """The new memory limit, as Kubernetes writes it."""
    in_place: bool = False
    """Whether that is the limit of pods that run, and of no later one."""

    def to_do(self) -> str:
        """Return it as what is to be done: ``roll Deployment catalog back``."""
        match self.action:
            case ActionKind.ROLL_BACK_WORKLOAD | ActionKind.ROLL_BACK_SERVICE:
                return f"roll {self._name} back"
            case ActionKind.ROLL_BACK_CONFIG_MAP:
                return f"roll {self._config} back"
            case ActionKind.RESTART_POD:
                return f"restart {self._pod} of {self._name}"
            case ActionKind.SCALE_TO_KNOWN_GOOD:
                return f"scale {self._name} to {self._size}"
            case ActionKind.RAISE_MEMORY_LIMIT:
                return f"raise the memory limit of {self._name}{self._limit}"
            case ActionKind.CORDON_NODE:
                return f"cordon {self._name}"

    def doing(self) -> str:
        """Return it as under way, to begin or go on a sentence: ``rolling back …``."""
        match self.action:
            case ActionKind.ROLL_BACK_WORKLOAD | ActionKind.ROLL_BACK_SERVICE:
                return f"rolling back {self._name}"
            case ActionKind.ROLL_BACK_CONFIG_MAP:
                return f"rolling back {self._config}"
            case ActionKind.RESTART_POD:
                return f"restarting {self._pod} of {self._name}"
            case ActionKind.SCALE_TO_KNOWN_GOOD:
                return f"scaling {self._name} to {self._size}"
            case ActionKind.RAISE_MEMORY_LIMIT:
                return f"raising the memory limit of {self._name}{self._limit}"
            case ActionKind.CORDON_NODE:
                return f"cordoning {self._name}"

    def done(self) -> str:
        """Return it as done: ``Deployment catalog was rolled back``."""
        match self.action:
            case ActionKind.ROLL_BACK_WORKLOAD | ActionKind.ROLL_BACK_SERVICE:
                return f"{self._name} was rolled back"
            case ActionKind.ROLL_BACK_CONFIG_MAP:
                return f"{self._config} was rolled back"
            case ActionKind.RESTART_POD:
                return f"{self._pod} of {self._name} was restarted"
            case ActionKind.SCALE_TO_KNOWN_GOOD:
                return f"{self._name} was scaled to {self._size}"
            case ActionKind.RAISE_MEMORY_LIMIT:
                return f"the memory limit of {self._name} was raised{self._limit}"
            case ActionKind.CORDON_NODE:
                return f"{self._name} was cordoned"

    @property
    def _name(self) -> str:
        return name_of(self.target)

    @property
    def _pod(self) -> str:
        return f"pod {self.pod}" if self.pod else "a pod"

    @property
    def _config(self) -> str:
        name = f"ConfigMap {self.config_map}" if self.config_map else "a ConfigMap"
        return f"{name} of {self._name}"

    @property
    def _limit(self) -> str:
        size = f" to {self.memory}" if self.memory else ""
        return f"{size} in place" if self.in_place else size

    @property
    def _size(self) -> str:
        match self.replicas:
            case None:
                return "its known good replicas"
            case 1:
                return "1 replica"
            case count:
                return f"{count} replicas"


_ENDS = {
    Outcome.KEPT: "helped",
    Outcome.UNDONE: "did not help",
    Outcome.NOT_HELPED: "did not help",
    Outcome.REFUSED: "was not done",
    Outcome.EXPIRED: "was not done",
    Outcome.CONFLICT: "was not done",
    Outcome.UNDO_CONFLICT: "did not help and could not be taken back",
}


def ended(doing: str, outcome: Outcome) -> str:
    """Return how what was done ended: ``Rolling back Deployment catalog helped (kept)``."""
    return sentence(f"{doing} {_ENDS[outcome]} ({outcome})")


def requested(request: ActionRequest) -> Deed:
    """Return what a decision asks for."""
    given = request.parameters
    return Deed(
        request.action,
        request.target,
        pod=given.get(POD_PARAMETER),
        config_map=given.get(CONFIG_MAP_PARAMETER),
    )


def planned(action: ActionKind, target: Target, steps: Sequence[Step]) -> Deed:
    """Return what a plan does; without steps, what little is known of it."""
    pods = (each.object.name for each in steps if isinstance(each, DeletePodStep))
    changes = [
        change
        for each in steps
        if isinstance(each, PatchStep | ResizeStep)
        for change in each.changes
    ]
    sizes = (
        each.after
        for each in changes
        if each.path == "/spec/replicas" and isinstance(each.after, int)
    )
    limits = (str(each.after) for each in changes if each.path.endswith(MEMORY_LIMIT))
    configs = (
        each.object.name
        for each in steps
        if isinstance(each, PatchStep) and each.object.kind == "ConfigMap"
    )
    return Deed(
        action,
        target,
        pod=next(pods, None),
        replicas=next(sizes, None),
        config_map=next(configs, None),
        memory=next(limits, None),
        in_place=any(isinstance(each, ResizeStep) for each in steps),
    )


def name_of(target: Target) -> str:
    """Return what a target is called where its namespace is said already."""
    match target:
        case WorkloadTarget(workload_kind=kind, name=name):
            return f"{kind} {name}"
        case PodTarget(name=name):
            return f"pod {name}"
        case ServiceTarget(name=name):
            return f"Service {name}"
        case _:
            return str(target)


def sentence(text: str) -> str:
    """Return a text with its first letter large: a sentence may begin with it."""
    return text[:1].upper() + text[1:]


def shortened(text: str, most: int) -> str:
    """Return at most so many characters of a text, with an ellipsis where it was cut."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
