"""The signal of a service account: its rights were reduced, and it is denied what it lost.

A reduction alone is somebody's plan, and so it is on trial: for a time the logs of the pods that
run as this account are read. What nobody missed by then is known to be good from now on.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ooda.common.cluster.kinds import Kind
from ooda.common.denials import denials
from ooda.common.known_good import KnownAccess
from ooda.common.permissions import access_of, changed_grants, lost, rights_of
from ooda.common.taxonomy import Signal
from ooda.observer.core import graph
from ooda.observer.core.deviations import Deviation, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.inputs import Heard, Listen
from ooda.observer.core.known import KINDS, bounded
from ooda.observer.core.state import SERVICE_ACCOUNT, Namespace, Reduction, State, Track
from ooda.observer.core.views import Key, Pod

TRIAL_SECONDS = 600.0
"""How long it is listened for denials after a reduction, and how long the last one counts: as long
as a change explains what comes after it (``change.window_seconds`` of the orienter)."""
EAGER_SECONDS = 120.0
"""Most clients ask again within seconds, or watch, and are cut off within minutes."""
PERIODS = 2.0, 10.0
"""Seconds between two looks at the logs, at first and then."""
PODS_HEARD = 3
"""Pods of an account whose logs are read: those that are not ready first, those of Jobs that are
over last."""
RIGHTS_SAID = 3
"""Rights that are named in one sentence."""


def access(namespace: Namespace, account: str) -> KnownAccess:
    """Return what grants an account its rights now."""
    roles, bindings = _bodies(namespace, Kind.ROLE), _bodies(namespace, Kind.ROLE_BINDING)
    return access_of(account, namespace.name, roles, bindings)


def _bodies(namespace: Namespace, kind: Kind) -> dict[str, Mapping[str, Any]]:
    return {
        each.meta.name: each.body for each in namespace.grants.values() if each.meta.kind == kind
    }


def compared(namespace: Namespace, now: dt.datetime) -> Namespace:
    """Return the namespace with what each account lost against what is known to be good."""
    if not namespace.regrant:
        return namespace
    reductions: dict[str, Reduction] = {}
    for account, good in namespace.known.service_accounts.items():
        gone = lost(good, access(namespace, account))
        old = namespace.reductions.get(account)
        if gone and old is not None:
            since = old.since if gone <= old.lost else now
            reductions[account] = replace(old, lost=gone, since=since, listened_at=None)
        elif gone:
            reductions[account] = Reduction(now, gone)
    return replace(namespace, reductions=reductions, regrant=False)


def listening(namespace: Namespace, now: dt.datetime) -> tuple[Namespace, tuple[Listen, ...]]:
    """Return whose logs are to be read now: of accounts on trial, and of those that are flagged."""
    wanted: list[Listen] = []
    reductions = dict(namespace.reductions)
    for account, each in namespace.reductions.items():
        age = seconds(each.since, now)
        if age >= TRIAL_SECONDS and not _flagged(namespace, account):
            continue
        period = PERIODS[age >= EAGER_SECONDS]
        if each.listened_at is not None and seconds(each.listened_at, now) < period:
            continue
        reductions[account] = replace(each, listened_at=now)
        logs = tuple(_logs(_pods(namespace, account)))
        wanted += [Listen(namespace.name, account, logs)] if logs else []
    if reductions == namespace.reductions:
        return namespace, ()
    return replace(namespace, reductions=reductions), tuple(wanted)


def _pods(namespace: Namespace, account: str) -> list[Pod]:
    mine = (
        pod
        for pod in namespace.pods.values()
        if pod.account == account and pod.meta.deleted_at is None
    )
    return sorted(mine, key=lambda pod: (pod.over, pod.counts, pod.meta.name))


def _logs(pods: list[Pod]) -> Iterator[tuple[str, str, bool]]:
    for pod in pods[:PODS_HEARD]:
        for each in pod.containers:
            if each.running_since is not None or each.terminated:
                yield pod.meta.name, each.name, False
            if each.restarts:
                yield pod.meta.name, each.name, True


def heard(namespace: Namespace, said: Heard, now: dt.datetime) -> Namespace:
    """Return the namespace after a look at logs: whether what an account lost was denied to it."""
    namespace = compared(namespace, now)  # a right may have been given back a moment ago
    known = namespace.reductions.get(said.account)
    if known is None:
        return namespace
    left = rights_of(access(namespace, said.account))
    # While it is flagged only what is new says that it goes on.
    since = known.denied_at or known.since
    for pod, log in said.logs:
        for each in denials([log], said.account, namespace.name, since):
            if each.is_of(known.lost, left):
                told = replace(known, denied_at=now, pod=pod, line=each.line)
                return replace(namespace, reductions={**namespace.reductions, said.account: told})
    return namespace


def denied(namespace: Namespace, account: str, now: dt.datetime) -> Deviation | None:
    """Return what is to be said of an account that is denied what it was allowed before."""
    found = namespace.reductions.get(account)
    if found is None or namespace.ending:
        return None
    # After a restart of the observer it is open, and its logs were not read yet.
    last = found.denied_at or (found.since if _flagged(namespace, account) else None)
    if last is None or seconds(last, now) >= TRIAL_SECONDS:
        return None
    workloads = sorted({_top(namespace, pod) for pod in _pods(namespace, account)})
    if not workloads:
        return None
    rights = ", ".join(str(each) for each in sorted(found.lost)[:RIGHTS_SAID])
    more = len(found.lost) - RIGHTS_SAID
    return Deviation(
        Signal.ACCESS_DENIED,
        "",
        found.since,
        f"is denied what it was allowed: {rights}{f' and {more} more' if more > 0 else ''}",
        observed(
            reason="Forbidden",
            lost=rights,
            message=found.line,
            changed_grants=", ".join(_changed(namespace, account)),
        ),
        namespace.pods.get(found.pod),
        tuple(graph.target_of(namespace.name, key) for key in workloads),
    )


def _changed(namespace: Namespace, account: str) -> tuple[str, ...]:
    """Name what is not as it was: who else is denied something may owe it to the same object."""
    good = namespace.known.service_accounts.get(account, KnownAccess())
    roles, bindings = _bodies(namespace, Kind.ROLE), _bodies(namespace, Kind.ROLE_BINDING)
    return changed_grants(good, roles, bindings)


def _flagged(namespace: Namespace, account: str) -> bool:
    return any(each.top == (SERVICE_ACCOUNT, account) for each in namespace.open.values())


def _top(namespace: Namespace, pod: Pod) -> Key:
    return graph.top(namespace, pod.meta.key, pod.meta.owner)


def remembered(state: State, namespace: Namespace, now: dt.datetime) -> Namespace:
    """Return the namespace with the grants of accounts whose workloads are well, as known good.

    What was only added to is good at once; a reduction when its trial is over and nobody was
    denied.
    """
    if not namespace.grants and not namespace.known.service_accounts:
        return namespace
    good = dict(namespace.known.service_accounts)
    for account in {pod.account for pod in namespace.pods.values()}:
        is_now = access(namespace, account)
        was = good.get(account, KnownAccess())
        reduced = namespace.reductions.get(account)
        on_trial = reduced is not None and (
            seconds(reduced.since, now) < TRIAL_SECONDS or _flagged(namespace, account)
        )
        if is_now != was and not on_trial and _well(state, namespace, account, now):
            good[account] = is_now
    if good == namespace.known.service_accounts:
        return namespace
    known = bounded(namespace.known.model_copy(update={"service_accounts": good}))
    if known == namespace.known:
        return namespace  # there is no room for it
    return replace(namespace, known=known, regrant=True)


def _well(state: State, namespace: Namespace, account: str, now: dt.datetime) -> bool:
    """Return whether all workloads that run as an account are healthy, for the settling time."""
    tops = {_top(namespace, pod) for pod in _pods(namespace, account)}
    tracks = [namespace.tracks.get(each, Track()) for each in tops if each[0] in KINDS]
    return bool(tracks) and all(
        each.healthy_since is not None
        and seconds(each.healthy_since, now) >= state.rules.settle_seconds
        for each in tracks
    )
