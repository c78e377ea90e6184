"""Put one delta into the state: views, the ownership index, and what histories follow from it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from ooda.common.cluster.interface import Delta
from ooda.common.cluster.kinds import Kind
from ooda.observer.core import graph, history, nodes
from ooda.observer.core.containers import with_starts
from ooda.observer.core.parsing import GRANTS, parse
from ooda.observer.core.state import (
    OCCURRENCES_LIMIT,
    PODS_LIMIT,
    TOMBSTONE_SECONDS,
    TOMBSTONES_LIMIT,
    Namespace,
    State,
)
from ooda.observer.core.views import (
    Budget,
    Content,
    Endpoints,
    Key,
    Meta,
    Node,
    Occurrence,
    Pod,
    Refusal,
    Renewal,
    View,
    Workload,
)

Name = TypeVar("Name", str, tuple[str, str])
Value = TypeVar("Value")


def ingest(state: State, delta: Delta, now: dt.datetime) -> tuple[State, tuple[str, Key] | None]:
    """Return the state with a delta, and which top workload of which namespace it touched.

    Deltas that are older than what is known, or about what was deleted, change nothing.
    """
    view = parse(delta.kind, delta.object, now)
    if view is None:
        return state, None
    meta, gone = view.meta, delta.change == "deleted"
    if isinstance(view, Renewal):
        return replace(state, beats=nodes.beaten(state.beats, view, now, gone=gone)), None
    if meta.uid in state.tombstones:
        return state, None
    if gone:
        state = replace(state, tombstones=_bury(state.tombstones, meta.uid, now))
    if isinstance(view, Node):
        return replace(state, nodes=_with_node(state.nodes, view, gone=gone)), None
    return _in_namespace(state, delta.kind, view, now, gone=gone)


def _in_namespace(
    state: State, kind: Kind, view: View, now: dt.datetime, *, gone: bool
) -> tuple[State, tuple[str, Key] | None]:
    meta = view.meta
    name = meta.name if kind is Kind.NAMESPACE else meta.namespace
    if not state.rules.watches(name):
        return state, None
    before = state.namespaces.get(name, Namespace(name))
    after, touched = _into(before, view, now, gone=gone)
    if after is before:
        return state, None
    state = replace(state, namespaces={**state.namespaces, name: after})
    return state, (name, touched) if touched else None


def _bury(
    tombstones: Mapping[str, dt.datetime], uid: str, now: dt.datetime
) -> dict[str, dt.datetime]:
    kept = dict(tombstones)
    if len(kept) >= TOMBSTONES_LIMIT:
        limit = now - dt.timedelta(seconds=TOMBSTONE_SECONDS)
        kept = {each: at for each, at in kept.items() if at > limit}
        for each in list(kept)[: max(len(kept) - TOMBSTONES_LIMIT * 3 // 4, 0)]:
            del kept[each]
    if uid:
        kept[uid] = now
    return kept


def _with_node(known: Mapping[str, Node], view: Node, *, gone: bool) -> Mapping[str, Node]:
    old = known.get(view.meta.name)
    if old is not None and not newer(view.meta, old.meta, gone=gone):
        return known
    return _set(known, view.meta.name, None if gone else view)


def newer(meta: Meta, known: Meta, *, gone: bool) -> bool:
    """Return whether a delta tells something new about the object that is known by this name."""
    if meta.uid != known.uid:
        # Another object by the same name; a late deletion of the former one is no news.
        return not gone and (
            meta.version is None or known.version is None or meta.version > known.version
        )
    if gone or meta.version is None or known.version is None:
        return True
    return meta.version > known.version


def _set(values: Mapping[Name, Value], name: Name, value: Value | None) -> Mapping[Name, Value]:
    if value is None:
        return {key: each for key, each in values.items() if key != name}
    if name not in values and len(values) >= PODS_LIMIT:
        return values
    return {**values, name: value}


def _into(
    namespace: Namespace, view: View, now: dt.datetime, *, gone: bool
) -> tuple[Namespace, Key | None]:
    touched: Key | None = None
    match view:
        case Pod():
            namespace, touched = _pod(namespace, view, now, gone=gone)
        case Workload():
            namespace, touched = _workload(namespace, view, now, gone=gone)
        case Content(meta=meta) if meta.kind == Kind.NAMESPACE:
            namespace = replace(namespace, ending=gone or meta.deleted_at is not None)
        case Content(meta=meta) if meta.kind in GRANTS:
            namespace = _grant(namespace, view, gone=gone)
        case Content():
            namespace = _content(namespace, view, gone=gone)
            touched = view.meta.key if view.meta.kind == Kind.SERVICE else None
        case Budget():
            namespace = _budget(namespace, view, gone=gone)
        case Endpoints():
            namespace = _endpoints(namespace, view, gone=gone)
            touched = str(Kind.SERVICE), view.service
        case Refusal() if not gone:
            namespace = _refusal(namespace, view)
            owner = namespace.workloads.get(view.controller)
            touched = graph.top(namespace, view.controller, owner.meta.owner) if owner else None
        case Occurrence() if not gone:
            namespace = _occurrence(namespace, view)
            pod = namespace.pods.get(view.pod)
            touched = graph.top(namespace, pod.meta.key, pod.meta.owner) if pod else None
    return namespace, touched


def _occurrence(namespace: Namespace, view: Occurrence) -> Namespace:
    """Add what the kubelet met; it may be heard of before the pod is, and is tidied away later."""
    others = namespace.occurrences.get(view.pod, ())
    kept = [each for each in others if each.meta.name != view.meta.name and each.uid == view.uid]
    mine = (*kept, view)[-OCCURRENCES_LIMIT:]
    return replace(namespace, occurrences=_set(namespace.occurrences, view.pod, mine))


def _refusal(namespace: Namespace, view: Refusal) -> Namespace:
    """Keep the newest, since the first: each attempt of a controller may have an Event of its own.

    It may be heard of before its controller is, and is tidied away later.
    """
    old = namespace.refusals.get(view.controller)
    if old is not None and old.uid == view.uid:
        first = min((at for at in (old.first_at, view.first_at) if at), default=None)
        last = max((at for at in (old.last_at, view.last_at) if at), default=None)
        view = replace(view, first_at=first, last_at=last)
    return replace(namespace, refusals=_set(namespace.refusals, view.controller, view))


def _budget(namespace: Namespace, view: Budget, *, gone: bool) -> Namespace:
    old = namespace.budgets.get(view.meta.name)
    if old is not None and not newer(view.meta, old.meta, gone=gone):
        return namespace
    kept = _set(namespace.budgets, view.meta.name, None if gone else view)
    return replace(namespace, budgets=kept)


def _grant(namespace: Namespace, view: Content, *, gone: bool) -> Namespace:
    key = view.meta.key
    old = namespace.grants.get(key)
    if old is not None and not newer(view.meta, old.meta, gone=gone):
        return namespace
    return replace(
        namespace, grants=_set(namespace.grants, key, None if gone else view), regrant=True
    )


def _endpoints(namespace: Namespace, view: Endpoints, *, gone: bool) -> Namespace:
    old = namespace.endpoints.get(view.meta.name)
    if old is not None and not newer(view.meta, old.meta, gone=gone):
        return namespace
    kept = _set(namespace.endpoints, view.meta.name, None if gone else view)
    return replace(namespace, endpoints=kept)


def _content(namespace: Namespace, view: Content, *, gone: bool) -> Namespace:
    key = view.meta.key
    old = namespace.contents.get(key)
    if old is not None and not newer(view.meta, old.meta, gone=gone):
        return namespace
    if old is not None and old.body == view.body:
        view = replace(view, changed_at=old.changed_at)
    contents = _set(namespace.contents, key, None if gone else view)
    selectors = namespace.selectors
    for each, belongs in ((old, False), (view, key in contents)):
        label = each.indexed if each is not None else None
        if label is not None:
            mine = selectors.get(label, frozenset()) - {key}
            selectors = _set(selectors, label, (mine | {key} if belongs else mine) or None)
    return replace(namespace, contents=contents, selectors=selectors)


def _pod(
    namespace: Namespace, pod: Pod, now: dt.datetime, *, gone: bool
) -> tuple[Namespace, Key | None]:
    name, key = pod.meta.name, pod.meta.key
    old = namespace.pods.get(name)
    if old is not None and not newer(pod.meta, old.meta, gone=gone):
        return namespace, None
    if old is None and gone:
        return namespace, None
    if old is not None and pod.meta.owner is None and old.meta.uid == pod.meta.uid:
        # The owner is said once and for all; an object without it is a stripped tombstone.
        pod = replace(pod, meta=replace(pod.meta, owner=old.meta.owner))
    known = old.containers if old is not None and old.meta.uid == pod.meta.uid else ()
    pod = replace(pod, containers=with_starts(pod.containers, known, now))
    top = graph.top(namespace, key, pod.meta.owner)
    track = history.after_pod(namespace.tracks.get(top), old, pod, now, gone=gone)
    pods = _set(namespace.pods, name, None if gone else pod)
    occurrences = namespace.occurrences
    if gone and name in occurrences:
        occurrences = _set(occurrences, name, None)
    return (
        replace(
            namespace,
            pods=pods,
            occurrences=occurrences,
            children=_child(namespace.children, pod.meta, gone=gone or name not in pods),
            tracks={**namespace.tracks, top: track},
            changed_pods=namespace.changed_pods | {name},
        ),
        top,
    )


def _workload(
    namespace: Namespace, workload: Workload, now: dt.datetime, *, gone: bool
) -> tuple[Namespace, Key | None]:
    key = workload.meta.key
    old = namespace.workloads.get(key)
    if old is not None and not newer(workload.meta, old.meta, gone=gone):
        return namespace, None
    if old is None and gone:
        return namespace, None
    workloads = _set(namespace.workloads, key, None if gone else workload)
    namespace = replace(
        namespace,
        workloads=workloads,
        children=_child(namespace.children, workload.meta, gone=gone or key not in workloads),
    )
    top = graph.top(namespace, key, workload.meta.owner)
    track = history.after_workload(namespace.tracks.get(top), old, workload, now, is_top=top == key)
    return replace(namespace, tracks={**namespace.tracks, top: track}), top


def _child(
    children: Mapping[Key, frozenset[Key]], meta: Meta, *, gone: bool
) -> Mapping[Key, frozenset[Key]]:
    if meta.owner is None:
        return children
    known = children.get(meta.owner, frozenset())
    if (meta.key in known) is not gone:
        return children
    now = known - {meta.key} if gone else known | {meta.key}
    return _set(children, meta.owner, now or None)
