"""Tier one: one pure fold over deltas, signs of life, time and the agent's own actions."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from pydantic import ValidationError

from ooda.common.cluster.kinds import Kind
from ooda.common.known_good import CATALOG, KnownGoodSpec
from ooda.observer.core import access, graph, known, service_signals, snapshots
from ooda.observer.core.history import seconds
from ooda.observer.core.ingest import ingest
from ooda.observer.core.inputs import (
    ActionNotice,
    Alive,
    Blind,
    Delta,
    Heard,
    Input,
    Output,
    Remember,
    Snapshot,
    Synced,
    Tick,
)
from ooda.observer.core.judge import judge
from ooda.observer.core.planned import noticed
from ooda.observer.core.reading import mapping, text
from ooda.observer.core.reports import CONTROLLERS
from ooda.observer.core.sight import blind_kinds
from ooda.observer.core.silence import judge_nodes
from ooda.observer.core.sources import ACCESS
from ooda.observer.core.state import SERVICE_ACCOUNT, Namespace, State
from ooda.observer.core.views import Key

Result = tuple[State, tuple[Output, ...]]


def step(state: State, given: Input, now: dt.datetime) -> Result:
    """Return the next state, and what there is to say and to write, in order. Never raises."""
    match given:
        case Delta():
            return _delta(state, given, now)
        case Synced(kind=kind):
            state = replace(state, synced=state.synced | {kind}, seen={**state.seen, kind: now})
            return _look_around(state, now)
        case Alive(kind=kind):
            return _see(replace(state, seen={**state.seen, kind: now}), now)
        case Heard():
            return _heard(state, given, now)
        case ActionNotice():
            return replace(state, actions=noticed(state.actions, given, now)), ()
        case Tick():
            return _tick(state, now)


def _delta(state: State, delta: Delta, now: dt.datetime) -> Result:
    state = replace(state, seen={**state.seen, delta.kind: now})
    if delta.kind is Kind.KNOWN_GOOD:
        return _catalog(state, delta)
    state, touched = ingest(state, delta, now)
    return _look(state, [touched], now) if touched else (state, ())


def _catalog(state: State, delta: Delta) -> Result:
    """Read the known good back at a start; after that our own memory is what is written."""
    meta = mapping(delta.object, "metadata")
    name = text(meta.get("namespace"))
    if meta.get("name") != CATALOG or not state.rules.watches(name):
        return state, ()
    namespace = state.namespaces.get(name, Namespace(name))
    if delta.change == "deleted":
        lost = namespace.known != KnownGoodSpec() and not namespace.ending
        return state, (Remember(name, namespace.known),) if lost else ()
    if Kind.KNOWN_GOOD in state.synced or namespace.known != KnownGoodSpec():
        return state, ()
    try:
        spec = KnownGoodSpec.model_validate(mapping(delta.object, "spec"))
    except ValidationError:
        return state, ()
    return _put(state, replace(namespace, known=spec, regrant=True)), ()


def _heard(state: State, given: Heard, now: dt.datetime) -> Result:
    namespace = state.namespaces.get(given.namespace)
    if namespace is None or ACCESS & state.blind:
        return state, ()
    state = _put(state, access.heard(namespace, given, now))
    return _look(state, [(namespace.name, (SERVICE_ACCOUNT, given.account))], now)


def _access(state: State, now: dt.datetime, *, settled: bool) -> Result:
    """Compare who may do what with what is known to be good, and say whose logs are to be read."""
    outputs: list[Output] = []
    for name, before in () if ACCESS & state.blind else state.namespaces.items():
        after = access.compared(before, now)
        if settled:
            after = access.compared(access.remembered(state, after, now), now)
        if after.known is not before.known:
            outputs.append(Remember(name, after.known))
        after, wanted = access.listening(after, now)
        outputs += wanted
        state = _put(state, after)
    return state, tuple(outputs)


def _put(state: State, namespace: Namespace) -> State:
    if state.namespaces.get(namespace.name) is namespace:
        return state
    return replace(state, namespaces={**state.namespaces, namespace.name: namespace})


def _look(state: State, touched: Iterable[tuple[str, Key]], now: dt.datetime) -> Result:
    outputs: list[Output] = []
    for name, key in touched:
        namespace, said = judge(state, name, key, now)
        state = _put(state, namespace)
        namespace, more = known.consider(state, name, key, now)
        state = _put(state, namespace)
        outputs += [*said, *more]
    return state, tuple(outputs)


def _look_around(state: State, now: dt.datetime) -> Result:
    """Look at everything, after the observer began to see or something became blind."""
    state, said = _see(state, now)
    touched = [
        (name, key) for name, each in state.namespaces.items() for key in sorted(graph.tops(each))
    ]
    state, more = _look(state, touched, now)
    return state, said + more


def _see(state: State, now: dt.datetime) -> Result:
    blind = blind_kinds(state, now)
    if blind == state.blind:
        return state, ()
    return replace(state, blind=blind), (Blind(blind),)


def _tick(state: State, now: dt.datetime) -> Result:
    state, said = _see(state, now)
    silent, of_nodes = judge_nodes(state, now)
    if of_nodes:
        state, said = replace(state, silent=silent), (*said, *of_nodes)
    due = state.snapshot_at is None or (
        seconds(state.snapshot_at, now) >= state.rules.snapshot_seconds
    )
    state, of_access = _access(state, now, settled=due)
    said += of_access
    touched = [
        (name, key)
        for name, each in state.namespaces.items()
        for key in sorted(
            (graph.tops(each) if due else _restless(each))
            | service_signals.suspects(each, now, all_of_them=due)
        )
    ]
    state, outputs = _look(state, touched, now)
    if not due:
        return state, said + outputs
    told = tuple(
        Snapshot(snapshots.build(state, name, now))
        for name, each in sorted(state.namespaces.items())
        if each.pods or each.workloads or each.open
    )
    return replace(_tidied(state), snapshot_at=now), said + outputs + told


def _restless(namespace: Namespace) -> set[Key]:
    """Return what can change by time alone at once; the rest waits for the next snapshot."""
    return {each.top for each in namespace.open.values()} | {
        key for key, each in namespace.tracks.items() if each.losses
    }


def _tidied(state: State) -> State:
    """Forget what no object refers to any more, and namespaces without anything in them."""
    kept = {}
    for name, each in state.namespaces.items():
        tops = graph.tops(each)
        tracks = {key: track for key, track in each.tracks.items() if key in tops or track.losses}
        empty = not (each.pods or each.workloads or each.open or each.contents or each.grants)
        if empty and (each.ending or each.known == KnownGoodSpec()):
            continue
        occurrences = {key: said for key, said in each.occurrences.items() if key in each.pods}
        if Kind.POD not in state.synced:
            # Events are listed before the pods that they are about.
            occurrences = dict(each.occurrences)
        refusals = {key: said for key, said in each.refusals.items() if key in each.workloads}
        if not state.synced >= set(CONTROLLERS):
            refusals = dict(each.refusals)
        kept[name] = replace(
            each,
            tracks=tracks,
            occurrences=occurrences,
            refusals=refusals,
            changed_pods=frozenset(),
        )
    return replace(state, namespaces=kept)
