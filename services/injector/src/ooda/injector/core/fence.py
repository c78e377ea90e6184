"""The fence: one pure function over facts. Nothing switches it off; what is not known is refused.

A refusal has a code, for programs, and a sentence, for people. The order of the checks is the order
in which they may be asked: what is outside is not even read for a request that has no place there.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ooda.common.cluster.kinds import Kind
from ooda.injector.core.scenario import Scenario
from ooda.injector.core.workloads import KINDS_SAID, TARGETS

NAMESPACE = re.compile(r"fault-injection-[a-z0-9]([a-z0-9-]{0,45}[a-z0-9])?")
"""Which names a namespace must have; the API server holds the injector to the same one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator has set. Left as it is, everything is refused."""

    cluster: str = ""
    """UID of namespace kube-system of the one cluster in which things may be broken."""
    namespaces: frozenset[str] = frozenset()
    """The approved list."""
    shared: frozenset[str] = frozenset()
    """What outside of the namespaces may be touched, each by name."""
    max_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for."""

    run_id: str
    scenario_id: str
    cluster: str
    namespace: str
    target: str
    """A name, ``StatefulSet/orders-db``, or labels that select exactly one: ``app=a,tier=web``."""
    seconds: float
    valid_until: dt.datetime


@dataclass(frozen=True, slots=True)
class Inside:
    """What was read in the namespace, once it was clear that it may be."""

    exists: bool
    """And is not being deleted."""
    matched: Sequence[str] = ()
    """Workloads that the target means, as ``Deployment/cart``."""
    healthy: bool = False
    """Whether the target has all of its replicas, ready."""
    autoscaler: str | None = None
    """A HorizontalPodAutoscaler of the target."""
    owner: str | None = None
    """A deployment tool that would change the target back."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is judged by."""

    asked: Asked
    limits: Limits
    now: dt.datetime
    cluster: str
    """UID of kube-system, as it was read now."""
    stopped: str | None
    """Who has set the kill switch; None if nobody has."""
    scenario: Scenario | None
    problem: str | None
    """What is wrong with the parameters."""
    replayed: bool
    """Whether a run of this id is there already."""
    quarantined: str | None
    """The run whose teardown failed in this namespace."""
    holders: Mapping[str, str]
    """Run by Lease, of the Leases that are held."""
    inside: Inside | None = None


NOT_LOOKED = Refusal("not_looked", "The namespace was not looked at yet.")


def lease_of_namespace(namespace: str) -> str:
    """Return the name of the Lease that keeps a namespace for one run."""
    return f"run-{namespace}"


def leases_of(scenario: Scenario, namespace: str) -> tuple[str, ...]:
    """Return the Leases that a run of a scenario holds."""
    return (lease_of_namespace(namespace), *(f"run-shared-{each}" for each in scenario.shared))


def judge(facts: Facts) -> Refusal | None:
    """Return why the request is refused; None lets it through.

    NOT_LOOKED says that nothing is wrong so far, and that the namespace may be looked at.
    """
    for check in _OUTSIDE:
        refusal = check(facts)
        if refusal is not None:
            return refusal
    if facts.inside is None:
        return NOT_LOOKED
    return _inside(facts, facts.inside)


def _right_cluster(facts: Facts) -> Refusal | None:
    pinned = facts.limits.cluster
    if not pinned:
        return Refusal("not_pinned", "No cluster is pinned: nothing may be broken anywhere.")
    if facts.cluster != pinned:
        return Refusal("wrong_cluster", f"This cluster is {facts.cluster}, pinned is {pinned}.")
    if facts.asked.cluster != pinned:
        return Refusal("wrong_cluster", f"The request is for cluster {facts.asked.cluster}.")
    return None


def _may_be_broken(facts: Facts) -> Refusal | None:
    name = facts.asked.namespace
    if NAMESPACE.fullmatch(name) is None:
        return Refusal("namespace_name", f"Namespace {name!r} is not named fault-injection-….")
    if name not in facts.limits.namespaces:
        return Refusal("not_approved", f"Namespace {name} is not on the approved list.")
    return None


def _in_time(facts: Facts) -> Refusal | None:
    if facts.now >= facts.asked.valid_until:
        return Refusal(
            "expired", f"The request was valid until {facts.asked.valid_until:%H:%M:%S}."
        )
    if facts.replayed:
        return Refusal("replayed", f"Run {facts.asked.run_id} is there already.")
    return None


def _known(facts: Facts) -> Refusal | None:
    if facts.scenario is None:
        return Refusal("unknown_scenario", f"There is no scenario {facts.asked.scenario_id!r}.")
    if facts.problem is not None:
        return Refusal("parameters", f"{facts.problem}.")
    return None


def _bounded(facts: Facts) -> Refusal | None:
    seconds = facts.asked.seconds
    if not seconds > 0:
        return Refusal("no_duration", "A fault needs a duration: it has to end by itself.")
    longest = min(facts.limits.max_seconds, facts.scenario.max_seconds if facts.scenario else 0)
    if not seconds <= longest:
        return Refusal("too_long", f"{seconds:g} s are too long: {longest:g} s at most.")
    return None


def _aimed(facts: Facts) -> Refusal | None:
    target = facts.asked.target
    meant = parse_target(target)
    if isinstance(meant, Mapping) and not meant:
        return Refusal("empty_selector", "An empty target would be everything.")
    if meant is None:
        said = (
            f"{target!r} is no name, no labels such as app=cart, nor Kind/name of a {KINDS_SAID}."
        )
        return Refusal("bad_target", said)
    return None


def _not_stopped(facts: Facts) -> Refusal | None:
    if facts.stopped is not None:
        return Refusal("stopped", f"The kill switch is on, by {facts.stopped}: see `ooda resume`.")
    return None


def _shared_allowed(facts: Facts) -> Refusal | None:
    shared = facts.scenario.shared if facts.scenario else ()
    for each in shared:
        if each not in facts.limits.shared:
            return Refusal("shared_not_allowed", f"It touches {each}, which is not allowed here.")
    return None


def _free(facts: Facts) -> Refusal | None:
    if facts.quarantined is not None:
        return Refusal(
            "quarantined",
            f"Run {facts.quarantined} could not give {facts.asked.namespace} back: "
            "see docs/injector.md for what to do.",
        )
    for lease in leases_of(facts.scenario, facts.asked.namespace) if facts.scenario else ():
        if lease in facts.holders:
            busy = "busy" if lease == lease_of_namespace(facts.asked.namespace) else "shared_busy"
            return Refusal(busy, f"Run {facts.holders[lease]} holds {lease.removeprefix('run-')}.")
    return None


_OUTSIDE: Sequence[Callable[[Facts], Refusal | None]] = (
    _right_cluster,
    _may_be_broken,
    _in_time,
    _known,
    _bounded,
    _aimed,
    _not_stopped,
    _shared_allowed,
    _free,
)


def _inside(facts: Facts, inside: Inside) -> Refusal | None:
    target, namespace = facts.asked.target, facts.asked.namespace
    found = ", ".join(inside.matched)
    contested = facts.scenario is not None and facts.scenario.autoscaler_contests
    refusals = (
        (not inside.exists, "no_namespace", f"There is no namespace {namespace}."),
        (not inside.matched, "no_target", f"{target} is no {KINDS_SAID} of {namespace}."),
        (
            len(inside.matched) > 1,
            "too_many_targets",
            f"{target} is more than one: {found}; say which, as Kind/name.",
        ),
        (
            inside.owner is not None,
            "owned",
            f"{found} belongs to {inside.owner}, which would change it back.",
        ),
        (
            contested and inside.autoscaler is not None,
            "autoscaled",
            f"HorizontalPodAutoscaler {inside.autoscaler} would change it back.",
        ),
        (
            not inside.healthy,
            "not_healthy",
            f"{found} has not all pods ready, of its template: there is no baseline to return to.",
        ),
    )
    return next((Refusal(code, reason) for holds, code, reason in refusals if holds), None)


_LABEL = r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,120}[A-Za-z0-9])?"
_LABELS = re.compile(rf"{_LABEL}={_LABEL}(,{_LABEL}={_LABEL})*")
_KINDS = {kind.lower(): kind for kind in TARGETS}
"""As in a manifest, or in small letters, as kubectl has them."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Named:
    """A target by its name."""

    name: str
    kind: Kind | None = None
    """None: the only one of that name, of whatever kind."""


def parse_target(target: str) -> Named | Mapping[str, str] | None:
    """Return a name or labels; None if it is neither. An empty text is labels: none of them."""
    if not target.strip(" ,="):
        return {}
    if _LABELS.fullmatch(target):
        return dict(each.split("=", 1) for each in target.split(","))
    kind, slash, name = target.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and kind.lower() not in _KINDS):
        return None
    return Named(name, _KINDS.get(kind.lower()))
