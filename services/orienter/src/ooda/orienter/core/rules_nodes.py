"""What a node's own objects, its pods and its scrapes say of it. Pure."""

import datetime as dt
from collections.abc import Sequence

from ooda.common.masking import mask
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import EventNote, Object, items, mapping, moment, pod_of, text
from ooda.orienter.core.rules_events import LINE, LINES, RECENT
from ooda.orienter.core.rules_services import quoted
from ooda.orienter.core.signs import Sign

SILENT = dt.timedelta(seconds=20)
"""Two renewals of the Lease that did not come, with the default of one every 10 s."""

PODS_SHOWN = 20

_LOST = frozenset({"NodeNotReady", "NodeStatusUnknown"})
"""Reasons of Events with which the node controller says that a node is gone."""


def read_node(node: Object, lease: Object | None, pods: Sequence[Object], now: dt.datetime) -> Seen:
    """Tell by Lease and condition whether a kubelet lives; the pods are named for a person."""
    renewed = moment(mapping(mapping(lease).get("spec")).get("renewTime"))
    ready = _condition(node)
    signs: set[Sign] = set()
    if renewed is not None:
        silent = now - renewed > SILENT
        signs.add(Sign.NODE_LEASE_STALE if silent else Sign.NODE_LEASE_FRESH)
    if ready is not None and ready != "True":
        signs.add(Sign.NODE_CONDITION_BAD)
    age = f"{(now - renewed).total_seconds():.0f} s ago" if renewed else "at a time not known"
    cordoned = ", cordoned" if mapping(node.get("spec")).get("unschedulable") is True else ""
    names = sorted(_name(each) for each in pods)
    more = f" and {len(names) - PODS_SHOWN} more" if len(names) > PODS_SHOWN else ""
    lines = (
        f"Lease renewed {age}, Ready {ready or 'not known'}{cordoned}",
        f"pods on it ({len(names)}): {', '.join(names[:PODS_SHOWN])}{more}",
    )
    return Seen(frozenset(signs), "\n".join(lines))


def _condition(node: Object) -> str | None:
    conditions = items(mapping(node.get("status")).get("conditions"))
    found = (text(each.get("status")) for each in conditions if each.get("type") == "Ready")
    return next(found, None)


def _name(pod: Object) -> str:
    meta = mapping(pod.get("metadata"))
    return f"{text(meta.get('namespace'))}/{text(meta.get('name'))}"


def read_pods_of_node(pods: Sequence[Object]) -> Seen:
    """Tell whether no pod of a node serves any more.

    While they look ready that says nothing: only the kubelet, or after its grace period the node
    controller, takes a pod's readiness away.
    """
    there = [pod_of(each) for each in pods]
    running = [each for each in there if each.phase not in ("Succeeded", "Failed")]
    ready = sum(each.ready for each in running)
    excerpt = f"{ready} of {len(running)} pods ready"
    none = bool(running) and not ready
    return Seen(frozenset({Sign.NODE_PODS_UNREADY}) if none else frozenset(), excerpt)


def read_node_events(events: Sequence[EventNote], now: dt.datetime) -> Seen:
    """Tell whether the node controller said within ten minutes that the node is gone."""
    recent = [each for each in events if each.last_at is None or now - each.last_at <= RECENT]
    lost = any(each.reason in _LOST for each in recent)
    lines = [mask(f"{each.reason} {each.regarding}: {each.note}")[:LINE] for each in recent]
    signs = frozenset({Sign.EVENT_NODE_NOT_READY}) if lost else frozenset[Sign]()
    return Seen(signs, "\n".join(lines[-LINES:]))


def node_query(node: str) -> str:
    """Return the query for which scrapes of a node's kubelet went well.

    Pods on it are left out: while only the kubelet is gone, they answer as before.
    """
    return f'up{{node={quoted(node)},pod=""}}'


def read_scrapes(values: Sequence[float]) -> Seen:
    """Tell whether the kubelet answers somebody else than the API server."""
    if not values:
        return Seen(excerpt="the node is not scraped")
    excerpt = f"{sum(value > 0 for value in values)} of {len(values)} scrapes of the node went well"
    answers = any(value > 0 for value in values)
    return Seen(frozenset({Sign.NODE_SCRAPED if answers else Sign.NODE_SCRAPES_FAIL}), excerpt)
