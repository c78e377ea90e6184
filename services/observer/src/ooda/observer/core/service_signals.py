"""The signal of a Service: what it served is ready, and it does not lead there any more.

It is told against the Service's known good content: one that never led anywhere has none.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.known_good import SERVICE_PARTS, ports_astray
from ooda.common.taxonomy import Signal
from ooda.observer.core import graph
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.planned import acting, rolling
from ooda.observer.core.reading import mapping, texts
from ooda.observer.core.state import Namespace, State, Track
from ooda.observer.core.views import Key, Pod

GRACE = 3.0
"""Seconds after a change of a Service in which the rest of the same change may follow: a new
template with the label or the port that it asks for."""
UNSETTLED = 10.0
"""Seconds after its change in which a Service is looked at without other news."""


def suspects(namespace: Namespace, now: dt.datetime, *, all_of_them: bool) -> set[Key]:
    """Return the Services to look at without news of them: those that changed a moment ago.

    From time to time also those that are not as they were, or that nobody answers behind.
    """
    answered = {each.service for each in namespace.endpoints.values() if each.ready}
    found = set()
    for name, versions in namespace.known.services.items():
        key = str(Kind.SERVICE), name
        service = namespace.contents.get(key)
        if service is None or not versions:
            continue
        same = all(service.body.get(part) == versions[-1].get(part) for part in SERVICE_PARTS)
        young = seconds(service.changed_at, now) < UNSETTLED
        if (young and not same) or (all_of_them and not (same and name in answered)):
            found.add(key)
    return found


def misrouted(state: State, namespace: Namespace, key: Key, now: dt.datetime) -> Deviation | None:
    """Return what is to be said of a Service that does not lead to ready pods that it served.

    A change of what is behind it may be in progress, and the Service was changed with it: nothing
    is said before that had its time.
    """
    service, versions = namespace.contents.get(key), namespace.known.services.get(key[1], ())
    if service is None or not versions or namespace.ending or service.meta.deleted_at is not None:
        return None
    if seconds(service.changed_at, now) < GRACE or acting(state, namespace.name, key, now):
        return None
    good = versions[-1]
    served = _served(namespace, texts(good.get("selector")))
    ready = [pod for pod in served if pod.counts]
    if not ready or _rolling(namespace, served, now):
        return None
    chosen = [
        pod
        for pod in namespace.pods.values()
        if graph.selects(service.selector, pod.meta.labels)
        and pod.meta.deleted_at is None
        and not pod.over
    ]
    if not chosen and not graph.ready_endpoints(namespace, key[1]):
        wanted = ", ".join(f"{name}={each}" for name, each in (service.selector or {}).items())
        words = f"selects pods with {wanted or 'no label'}, and there is none"
        return _deviation("SelectsNobody", words, namespace, ready, service.changed_at)
    there = [pod for pod in chosen if pod.counts]
    nowhere = astray(service.body, good, there)
    if nowhere:
        words = f"leads to port {', '.join(nowhere)}, which no pod behind it has"
        return _deviation("TargetsNoPort", words, namespace, ready, service.changed_at)
    return None


def astray(spec: Mapping[str, Any], good: Mapping[str, Any], pods: Sequence[Pod]) -> list[str]:
    """Return the ports that a Service leads to now, instead of one that the pods have."""
    return ports_astray(spec, good, frozenset[str]().union(*(pod.ports for pod in pods)))


def _served(namespace: Namespace, selector: Mapping[str, str]) -> list[Pod]:
    """Return the pods that it led to: by their labels, or by those that their template had."""
    if not selector:
        return []
    found = {
        pod.meta.name: pod
        for pod in namespace.pods.values()
        if graph.selects(selector, pod.meta.labels)
    }
    for known_key, known in namespace.known.workloads.items():
        labels = (texts(mapping(each, "metadata").get("labels")) for each in known.templates)
        if any(graph.selects(selector, each) for each in labels):
            kind, _, name = known_key.partition("/")
            found |= {pod.meta.name: pod for pod in graph.pods_of(namespace, (kind, name))}
    return list(found.values())


def _workloads(namespace: Namespace, pods: Sequence[Pod]) -> set[Key]:
    return {graph.top(namespace, pod.meta.key, pod.meta.owner) for pod in pods}


def _rolling(namespace: Namespace, pods: Sequence[Pod], now: dt.datetime) -> bool:
    for key in _workloads(namespace, pods):
        workload = namespace.workloads.get(key)
        if workload and rolling(namespace.tracks.get(key, Track()), workload, now):
            return True
    return False


def _deviation(
    reason: str, words: str, namespace: Namespace, ready: Sequence[Pod], changed_at: dt.datetime
) -> Deviation:
    behind = _workloads(namespace, ready)
    count = (
        "1 pod that it served is" if len(ready) == 1 else f"{len(ready)} pods that it served are"
    )
    return Deviation(
        Signal.ENDPOINTS_LOST,
        "",
        changed_at,
        f"{words}, though {count} ready",
        observed(reason=reason, ready=len(ready)),
        related=tuple(graph.target_of(namespace.name, key) for key in sorted(behind)),
    )
