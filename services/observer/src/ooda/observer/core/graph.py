"""The ownership graph of a namespace: which pods belong to which workload, who selects them."""

from collections.abc import Iterator, Mapping

from ooda.common.cluster.kinds import Kind
from ooda.common.targets import (
    PodTarget,
    ServiceAccountTarget,
    ServiceTarget,
    Target,
    WorkloadTarget,
)
from ooda.observer.core.dependencies import is_service
from ooda.observer.core.state import SERVICE_ACCOUNT, Namespace
from ooda.observer.core.views import ANY, Content, Key, Pod, Workload

MAX_DEPTH = 4
"""Owners above a pod that are followed: two are usual, a cycle would otherwise not end."""
KNOWN_TOPS = (
    Kind.DEPLOYMENT,
    Kind.STATEFUL_SET,
    Kind.DAEMON_SET,
    Kind.JOB,
    Kind.CRON_JOB,
    Kind.REPLICA_SET,
)


def top(namespace: Namespace, key: Key, owner: Key | None) -> Key:
    """Return the highest owner of an object that is of a kind we know, else the object."""
    for _ in range(MAX_DEPTH):
        if owner is None or owner[0] not in KNOWN_TOPS:
            return key
        key = owner
        workload = namespace.workloads.get(key)
        owner = workload.meta.owner if workload else _guess(key)
    return key


def _guess(key: Key) -> Key | None:
    """Return the Deployment of a ReplicaSet that is not there any more, from its name."""
    if key[0] == Kind.REPLICA_SET and "-" in key[1]:
        return str(Kind.DEPLOYMENT), key[1].rsplit("-", 1)[0]
    return None


def pods_of(namespace: Namespace, key: Key) -> list[Pod]:
    """Return the pods under a workload, or the pod that a key names, by name."""
    if key[0] == Kind.POD:
        pod = namespace.pods.get(key[1])
        return [pod] if pod else []
    return sorted(_below(namespace, key, MAX_DEPTH), key=lambda pod: pod.meta.name)


def _below(namespace: Namespace, key: Key, depth: int) -> Iterator[Pod]:
    for child in namespace.children.get(key, ()):
        if child[0] == Kind.POD:
            pod = namespace.pods.get(child[1])
            if pod is not None:
                yield pod
        elif depth > 0:
            yield from _below(namespace, child, depth - 1)


def controllers_of(namespace: Namespace, key: Key) -> list[Workload]:
    """Return the controllers that a workload owns, such as a CronJob's Jobs."""
    children = namespace.children.get(key, frozenset())
    return [namespace.workloads[each] for each in sorted(children) if each in namespace.workloads]


def tops(namespace: Namespace) -> set[Key]:
    """Return all top workloads, all pods without one, and what open anomalies are about."""
    found = {key for key, each in namespace.workloads.items() if top_is(namespace, key, each)}
    found |= {
        top(namespace, pod.meta.key, pod.meta.owner)
        for pod in namespace.pods.values()
        if pod.meta.owner is None or pod.meta.owner not in namespace.workloads
    }
    return found | {each.top for each in namespace.open.values()}


def top_is(namespace: Namespace, key: Key, workload: Workload) -> bool:
    """Return whether a controller has no owner that we know."""
    return top(namespace, key, workload.meta.owner) == key


def target_of(namespace: str, key: Key) -> Target:
    """Return what an anomaly about this object is about."""
    if key[0] == Kind.POD:
        return PodTarget(namespace=namespace, name=key[1])
    if key[0] == Kind.SERVICE:
        return ServiceTarget(namespace=namespace, name=key[1])
    if key[0] == SERVICE_ACCOUNT:
        return ServiceAccountTarget(namespace=namespace, name=key[1])
    return WorkloadTarget(namespace=namespace, workload_kind=key[0], name=key[1])


def selects(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a selector takes in these labels; None takes in nothing."""
    return selector is not None and selector.items() <= labels.items()


def labels_of(namespace: Namespace, key: Key) -> Mapping[str, str]:
    """Return the labels that pods of a workload have."""
    workload = namespace.workloads.get(key)
    if workload is not None:
        labels = (workload.template.get("metadata") or {}) if workload.template else {}
        found = labels.get("labels") if isinstance(labels, Mapping) else None
        if isinstance(found, Mapping):
            return found
    pods = pods_of(namespace, key)
    return pods[0].meta.labels if pods else {}


def selecting(namespace: Namespace, key: Key, kind: Kind) -> list[Content]:
    """Return the Services or NetworkPolicies that take in a workload's pods."""
    labels = labels_of(namespace, key)
    indexed = (namespace.selectors.get(each, frozenset()) for each in (ANY, *labels.items()))
    candidates = sorted(each for each in frozenset[Key]().union(*indexed) if each[0] == kind)
    found = (namespace.contents[each] for each in candidates)
    return [each for each in found if selects(each.selector, labels)]


def served_by(namespace: Namespace) -> Mapping[Key, frozenset[str]]:
    """Return the Services that send traffic to each top workload, by their EndpointSlices."""
    found: dict[Key, set[str]] = {}
    for each in namespace.endpoints.values():
        for name in each.ready | each.unready:
            pod = namespace.pods.get(name)
            if pod is not None:
                key = top(namespace, pod.meta.key, pod.meta.owner)
                found.setdefault(key, set()).add(each.service)
    return {key: frozenset(names) for key, names in found.items()}


def services_of(namespace: Namespace, key: Key, serving: Mapping[Key, frozenset[str]]) -> list[str]:
    """Return the Services of a workload, by selector and by endpoints: either can be late."""
    selectors = {each.meta.name for each in selecting(namespace, key, Kind.SERVICE)}
    return sorted(selectors | serving.get(key, frozenset()))


def services_called(
    namespace: Namespace, key: Key, serving: Mapping[Key, frozenset[str]]
) -> list[str]:
    """Return the Services of its namespace that a workload names, but for its own."""
    workload = namespace.workloads.get(key)
    hosts = workload.hosts if workload else frozenset()
    if not hosts:
        return []
    named = {
        name
        for kind, name in namespace.contents
        if kind == Kind.SERVICE and any(is_service(each, name, namespace.name) for each in hosts)
    }
    return sorted(named - set(services_of(namespace, key, serving)))


def ready_endpoints(namespace: Namespace, service: str) -> int | None:
    """Return how many pods a Service sends traffic to, None if nobody says."""
    slices = [each for each in namespace.endpoints.values() if each.service == service]
    ready = frozenset[str]().union(*(each.ready for each in slices))
    return len(ready) if slices else None


def related(namespace: Namespace, key: Key, pod: str | None) -> tuple[Target, ...]:
    """Return what joins anomalies of one cause: the Services that select it, and the pod."""
    services: list[Target] = [
        ServiceTarget(namespace=namespace.name, name=each)
        for each in services_of(namespace, key, served_by(namespace))
    ]
    if pod is not None and key[0] != Kind.POD:
        services.append(PodTarget(namespace=namespace.name, name=pod))
    return tuple(services)
