"""What the fold remembers. Values are replaced, never changed in place.

Memory is bounded: views keep trimmed fields, and every list below has a cap. A cap that is hit
drops the oldest, so that what happens now is always seen.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from ooda.common.cluster.kinds import Kind
from ooda.common.events import AnomalyFlagged
from ooda.common.known_good import KnownGoodSpec
from ooda.common.permissions import Rights
from ooda.common.targets import NodeTarget, ServiceAccountTarget, Target
from ooda.observer.core.sources import WATCHED
from ooda.observer.core.views import (
    Budget,
    Container,
    Content,
    Endpoints,
    Key,
    Node,
    Occurrence,
    Pod,
    Refusal,
    Workload,
)

SERVICE_ACCOUNT = "ServiceAccount"
"""The kind in keys of service accounts, which are not watched themselves."""
PODS_LIMIT = 20_000
"""Per namespace, and for every other kind too."""
CRASHES_LIMIT = 32
LOSSES_LIMIT = 64
ALLOWANCES_LIMIT = 64
OPEN_LIMIT = 200
"""Open anomalies per namespace; more than that is one storm, and said by these."""
TOMBSTONES_LIMIT = 4096
TOMBSTONE_SECONDS = 300.0
ACTIONS_LIMIT = 256
OCCURRENCES_LIMIT = 12
"""Per pod; the kubelet counts up what repeats instead of saying it anew."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator chose."""

    cluster_id: str
    own_namespace: str
    namespaces: frozenset[str] = frozenset()
    """Which to watch; empty: all but the excluded ones."""
    excluded: frozenset[str] = frozenset()
    settle_seconds: float = 30.0
    snapshot_seconds: float = 5.0

    def watches(self, namespace: str) -> bool:
        """Return whether a namespace is looked at; the agent's own never is."""
        if namespace == self.own_namespace or namespace in self.excluded or not namespace:
            return False
        return not self.namespaces or namespace in self.namespaces


@dataclass(frozen=True, slots=True)
class Crash:
    """One end of a container with an exit code that is not zero."""

    pod: str
    uid: str
    container: str
    at: dt.datetime
    ran_seconds: float
    oom: bool = False
    """Whether the kernel killed it for memory."""
    memory_limit: str = ""
    """What it might use of it then."""

    @property
    def key(self) -> tuple[str, str, dt.datetime]:
        """Return which end of which container it is."""
        return self.uid, self.container, self.at

    def outgrown(self, container: Container) -> bool:
        """Return whether it was killed for memory with another limit than it has by now."""
        return self.oom and self.memory_limit != container.memory_limit


@dataclass(frozen=True, slots=True)
class Loss:
    """A pod that went away; whether that was planned is not judged yet."""

    pod: Pod
    controller: Key | None
    since: dt.datetime
    seen_at: dt.datetime
    was_ready: bool
    how: str
    disruption: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many pods of a controller may go, because it was told to have fewer."""

    controller: Key
    count: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Track:
    """The history of one top workload that its objects do not tell."""

    crashes: tuple[Crash, ...] = ()
    losses: tuple[Loss, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    rolling_since: dt.datetime | None = None
    rolled: tuple[dt.datetime, dt.datetime] | None = None
    """From when to when the last rolling update was, that has ended."""
    ever_ready: bool = False
    short_since: dt.datetime | None = None
    healthy_since: dt.datetime | None = None
    remembered: bool = False
    """Whether what is there now is in the known good already."""


@dataclass(frozen=True, slots=True)
class Open:
    """An anomaly that was flagged and not cleared."""

    top: Key
    container: str
    event: AnomalyFlagged
    calm_since: dt.datetime | None = None
    """Since when nothing shows it any more."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a service account may not do any more, and whether it misses it."""

    since: dt.datetime
    """When the observer saw it."""
    lost: Rights
    listened_at: dt.datetime | None = None
    """When the logs of its pods were asked for last."""
    denied_at: dt.datetime | None = None
    """When a log last said that it was denied one of these."""
    pod: str = ""
    """Whose log said so."""
    line: str = ""


@dataclass(frozen=True, slots=True)
class Beat:
    """The last sign of life of a node."""

    version: int | None
    renewed: dt.datetime | None
    """As its Lease has it, by the node's own clock."""
    heard_at: dt.datetime
    """When the observer saw that it was renewed, by the observer's clock."""
    met_at: dt.datetime
    """When the observer first heard of this Lease."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace."""

    name: str
    pods: Mapping[str, Pod] = field(default_factory=dict)
    workloads: Mapping[Key, Workload] = field(default_factory=dict)
    contents: Mapping[Key, Content] = field(default_factory=dict)
    selectors: Mapping[tuple[str, str], frozenset[Key]] = field(default_factory=dict)
    """Contents by one label that they select (``Content.indexed``): nobody has to look at all of
    them for each workload."""
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    grants: Mapping[Key, Content] = field(default_factory=dict)
    """Roles and RoleBindings."""
    regrant: bool = False
    """Whether something of who may do what changed, and was not compared yet."""
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    """By service account."""
    occurrences: Mapping[str, tuple[Occurrence, ...]] = field(default_factory=dict)
    """The newest ones by pod."""
    refusals: Mapping[Key, Refusal] = field(default_factory=dict)
    """The newest one by controller."""
    endpoints: Mapping[str, Endpoints] = field(default_factory=dict)
    """By the name of the slice; a Service may have many."""
    children: Mapping[Key, frozenset[Key]] = field(default_factory=dict)
    """Pods and controllers by the controller that owns them."""
    tracks: Mapping[Key, Track] = field(default_factory=dict)
    open: Mapping[str, Open] = field(default_factory=dict)
    """By anomaly id."""
    known: KnownGoodSpec = field(default_factory=KnownGoodSpec)
    changed_pods: frozenset[str] = frozenset()
    """Since the last snapshot."""
    ending: bool = False
    """The namespace itself is being deleted."""


@dataclass(frozen=True, slots=True)
class Action:
    """What the agent itself does to a target."""

    target: Target
    at: dt.datetime
    over_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Everything."""

    rules: Rules
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    beats: Mapping[str, Beat] = field(default_factory=dict)
    """By node; renewed every ten seconds, and looked at only when a pod went away or is told of."""
    silent: Mapping[str, AnomalyFlagged] = field(default_factory=dict)
    """Open anomalies of nodes, by node: they are in no namespace."""
    seen: Mapping[Kind, dt.datetime] = field(default_factory=dict)
    synced: frozenset[Kind] = frozenset()
    blind: frozenset[Kind] = WATCHED
    """What is not to be trusted; at a start, everything."""
    tombstones: Mapping[str, dt.datetime] = field(default_factory=dict)
    """UIDs of what was deleted: a late delta does not bring it back."""
    actions: Mapping[str, Action] = field(default_factory=dict)
    snapshot_at: dt.datetime | None = None


def initial(
    rules: Rules,
    flagged: tuple[AnomalyFlagged, ...] = (),
    actions: Mapping[str, Action] | None = None,
) -> State:
    """Return the state at a start, with what was open and going on when the observer ended."""
    namespaces: dict[str, Namespace] = {}
    silent = {each.target.name: each for each in flagged if isinstance(each.target, NodeTarget)}
    for event in flagged:
        if isinstance(event.target, NodeTarget):
            continue
        name = event.namespace or ""
        namespace = namespaces.get(name, Namespace(name))
        opened = Open(top_of(event), event.observed.get("container", ""), event)
        namespaces[name] = Namespace(name, open={**namespace.open, event.anomaly_id: opened})
    return State(rules, namespaces, silent=silent, actions=actions or {})


def top_of(event: AnomalyFlagged) -> Key:
    """Return the key of the object that an anomaly is about."""
    return kind_of(event.target), getattr(event.target, "name", "")


def kind_of(target: Target) -> str:
    """Return the kind of the object that an anomaly is about."""
    if isinstance(target, ServiceAccountTarget):
        return SERVICE_ACCOUNT
    return getattr(target, "workload_kind", target.kind.capitalize())
