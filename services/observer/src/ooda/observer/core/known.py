"""Remember contents under which a workload was healthy.

A workload is healthy when it is fully rolled out, has a replica at least and no open anomaly, and
stayed so for the settling time, during which nothing that it uses changed either.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.known_good import VERSIONS_KEPT, KnownGoodSpec, KnownWorkload, workload_key
from ooda.observer.core import graph
from ooda.observer.core.history import seconds
from ooda.observer.core.inputs import Output, Remember
from ooda.observer.core.reading import items, mapping, text
from ooda.observer.core.service_signals import astray
from ooda.observer.core.sources import CONTENTS
from ooda.observer.core.state import Namespace, State, Track
from ooda.observer.core.views import Content, Key, Pod, Workload

KINDS = (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)
"""Kinds whose template an action can put back."""
CONTENT_LIMIT = 64 * 1024
"""Bytes of a ConfigMap that is still remembered."""
MOUNT_SECONDS = 120.0
"""After which a kubelet has certainly brought a changed ConfigMap to the volumes of its pods: it
looks once a minute, half as long again at most, and may know the object late."""
CATALOG_LIMIT = 900 * 1024
"""Bytes of the whole object: etcd takes 1.5 MiB, and managed fields come on top."""

Versions = tuple[Mapping[str, Any], ...]


def consider(
    state: State, name: str, key: Key, now: dt.datetime
) -> tuple[Namespace, tuple[Output, ...]]:
    """Return the namespace after a look at the health of one workload, and what to remember."""
    namespace = state.namespaces[name]
    workload = namespace.workloads.get(key)
    if workload is None or key[0] not in KINDS:
        return namespace, ()
    track = namespace.tracks.get(key, Track())
    healthy = (
        not CONTENTS & state.blind
        and workload.complete
        and workload.meta.deleted_at is None
        and not track.losses
        and sum(1 for pod in graph.pods_of(namespace, key) if pod.counts) >= workload.desired
        and all(each.top != key for each in namespace.open.values())
    )
    if not healthy:
        return _with(namespace, key, replace(track, healthy_since=None, remembered=False)), ()
    since = track.healthy_since or now
    used = tuple(_used(namespace, key))
    last = max([since, *(each.changed_at for each in used)])
    track = replace(track, healthy_since=since)
    if track.remembered and last > since:
        # Something that it uses changed since: what there is now has to settle first.
        track = replace(track, healthy_since=last, remembered=False)
    if track.remembered or seconds(last, now) < state.rules.settle_seconds:
        return _with(namespace, key, track), ()
    namespace = _with(namespace, key, replace(track, healthy_since=last, remembered=True))
    proven = not any(_resized(each, workload.template) for each in graph.pods_of(namespace, key))
    known = remember(namespace.known, workload, used, now, proven=proven)
    if known is namespace.known:
        return namespace, ()
    return replace(namespace, known=known), (Remember(name, known),)


def _with(namespace: Namespace, key: Key, track: Track) -> Namespace:
    if namespace.tracks.get(key) == track:
        return namespace
    return replace(namespace, tracks={**namespace.tracks, key: track})


def _used(namespace: Namespace, key: Key) -> Iterator[Content]:
    yield from (
        each
        for each in graph.selecting(namespace, key, Kind.SERVICE)
        if _leads(namespace, key, each)
    )
    yield from graph.selecting(namespace, key, Kind.NETWORK_POLICY)
    pods = graph.pods_of(namespace, key)
    for name in sorted({each for pod in pods for each in pod.config_maps}):
        found = namespace.contents.get((str(Kind.CONFIG_MAP), name))
        if found is not None and _taken_up(namespace, found, pods):
            yield found


def _taken_up(namespace: Namespace, config: Content, pods: Sequence[Pod]) -> bool:
    """Return whether a pod that serves has started with this content of a ConfigMap.

    An environment is read once, at the start, and so are most files: pods that are older than a
    change say nothing of it. Of a ConfigMap that was never known to be good, it is unknown what
    they started with.
    """
    name = config.meta.name
    if not namespace.known.config_maps.get(name):
        return True
    readers = [each for each in pods if each.counts and name in each.config_maps]
    return any(_started_with(each, config) for each in readers)


def _started_with(pod: Pod, config: Content) -> bool:
    """Return whether one of its containers surely found this content when it started.

    A pod that was there before the change gets the new files only some time after it, and a
    container that starts in it meanwhile reads the old ones.
    """
    made = pod.meta.created_at
    if made is not None and made >= config.changed_at:
        return True
    late = 0.0 if config.meta.name in pod.environment else MOUNT_SECONDS
    starts = [each.running_since for each in pod.containers if each.running_since is not None]
    return any(seconds(config.changed_at, each) >= late for each in starts)


def _leads(namespace: Namespace, key: Key, service: Content) -> bool:
    """Return whether a Service is good as it is: it leads to the pods of this healthy workload."""
    flagged = any(each.top == service.meta.key for each in namespace.open.values())
    unserved = graph.ready_endpoints(namespace, service.meta.name) == 0
    before = namespace.known.services.get(service.meta.name, ())[-1:]
    pods = graph.pods_of(namespace, key)
    return not (flagged or unserved or any(astray(service.body, each, pods) for each in before))


def _resized(pod: Pod, template: Mapping[str, Any]) -> bool:
    """Return whether a pod has another memory limit than the template that it was made from."""
    spec = mapping(template, "spec")
    limits = {
        text(each.get("name")): mapping(each, "resources", "limits").get("memory")
        for field in ("initContainers", "containers")
        for each in items(spec.get(field))
    }
    wanted = {name: str(limit) for name, limit in limits.items() if limit}
    return any(wanted.get(e.name, e.memory_limit) != e.memory_limit for e in pod.containers)


def changed_config_maps(namespace: Namespace, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the ConfigMaps that differ from their newest known good content."""
    found = []
    for name in names:
        versions = namespace.known.config_maps.get(name, ())
        content = namespace.contents.get((str(Kind.CONFIG_MAP), name))
        if versions and (content is None or content.body != versions[-1]):
            found.append(name)
    return tuple(found)


def remember(
    known: KnownGoodSpec,
    workload: Workload,
    used: tuple[Content, ...],
    now: dt.datetime,
    *,
    proven: bool = True,
) -> KnownGoodSpec:
    """Return the known good with a healthy workload and what it uses; itself if that is no news.

    Where it is well with other limits than its template has, the template is not proven by that.
    """
    key = workload_key(*workload.meta.key)
    old = known.workloads.get(key)
    before_now = old.templates if old else ()
    templates = _newest(before_now, workload.template) if proven else before_now
    replicas = None if workload.meta.kind == Kind.DAEMON_SET else workload.desired
    parts: dict[str, Any] = {}
    if old is None or old.templates != templates or old.replicas != replicas:
        now_known = KnownWorkload(templates=templates, replicas=replicas, healthy_at=now)
        parts["workloads"] = {**known.workloads, key: now_known}
    for field, kind in (
        ("services", Kind.SERVICE),
        ("config_maps", Kind.CONFIG_MAP),
        ("network_policies", Kind.NETWORK_POLICY),
    ):
        before: Mapping[str, Versions] = getattr(known, field)
        after = _contents(before, [each for each in used if each.meta.kind == kind])
        if after != before:
            parts[field] = after
    return bounded(known.model_copy(update=parts)) if parts else known


def _contents(before: Mapping[str, Versions], used: list[Content]) -> Mapping[str, Versions]:
    after = dict(before)
    for each in used:
        if _size(each.body) <= CONTENT_LIMIT:
            after[each.meta.name] = _newest(before.get(each.meta.name, ()), each.body)
    return after


def _newest(versions: Versions, current: Mapping[str, Any]) -> Versions:
    """Return the versions with the current one as the last, each once."""
    if versions and versions[-1] == current:
        return versions
    return (*(each for each in versions if each != current), current)[-VERSIONS_KEPT:]


def _size(value: object) -> int:
    return len(json.dumps(value, default=str).encode())


def bounded(known: KnownGoodSpec) -> KnownGoodSpec:
    """Return what fits into one object: older versions go first, then ConfigMaps and grants."""
    for keep in (VERSIONS_KEPT, 2, 1):
        smaller = _keeping(known, keep)
        if _fits(smaller):
            return smaller
    without = smaller.model_copy(update={"config_maps": {}})
    if not _fits(without):
        without = without.model_copy(update={"service_accounts": {}})
    workloads = dict(without.workloads)
    while workloads and not _fits(without):
        del workloads[min(workloads, key=lambda each: workloads[each].healthy_at)]
        without = without.model_copy(update={"workloads": dict(workloads)})
    return without


def _fits(known: KnownGoodSpec) -> bool:
    return len(known.model_dump_json(by_alias=True).encode()) <= CATALOG_LIMIT


def _keeping(known: KnownGoodSpec, keep: int) -> KnownGoodSpec:
    if keep >= VERSIONS_KEPT:
        return known
    workloads = {
        key: each.model_copy(update={"templates": each.templates[-keep:]})
        for key, each in known.workloads.items()
    }
    contents = {
        field: {key: each[-keep:] for key, each in getattr(known, field).items()}
        for field in ("services", "config_maps", "network_policies")
    }
    return known.model_copy(update={"workloads": workloads, **contents})
