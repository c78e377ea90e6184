"""What a look by an effect probe has seen: whether the fault bites, whether all is well. Pure.

The two are not each other's opposite: that a container was killed for memory is seen for ever, and
that all of its pods run is no sign that it was not.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ooda.common.fault_probes import (
    AccessProbe,
    AccessRule,
    CpuProbe,
    EndpointsProbe,
    PodSign,
    PodsProbe,
    ReplicasProbe,
)
from ooda.common.fault_runs import FaultRun, NodeStep, StepRecord, Undone
from ooda.common.node_means import Contact, PacketFault
from ooda.common.quantities import millicores_of
from ooda.injector.core.workloads import counts_of, is_refused

Object = Mapping[str, Any]
READING = frozenset({"get", "list", "watch"})
"""Verbs that can be tried without changing anything."""
_OVER = ("Failed", "Succeeded")


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen."""

    bites: bool
    well: bool
    said: str
    """In a sentence, for people."""
    since: dt.datetime | None = None
    """Since when it bites, of somebody who knows; None: since this look."""


def look_at_pods(probe: PodsProbe, pods: Sequence[Object]) -> Look:
    """Judge the pods of a namespace."""
    own = [each for each in pods if _of(probe, each)]
    staying = [each for each in own if not each["metadata"].get("deletionTimestamp")]
    # One that has failed for good, such as an evicted one, is replaced, and stays to be read.
    work = [each for each in staying if each.get("status", {}).get("phase") not in _OVER]
    ill = [str(each["metadata"]["name"]) for each in work if not _has(each, "Ready", "True")]
    well = bool(work) and not ill
    if probe.sign is PodSign.GONE:
        there = {str(each["metadata"]["uid"]) for each in staying}
        gone = [uid for uid in probe.deleted if uid not in there]
        return Look(bool(gone), well, f"{len(gone)} of its pods are gone; not ready: {ill}")
    shown = [str(each["metadata"]["name"]) for each in staying if _shows(probe, each)]
    reasons = f" ({', '.join(probe.reasons)})" if probe.reasons else ""
    return Look(bool(shown), well, f"{probe.sign}{reasons}: {shown}; not ready: {ill}")


def _of(probe: PodsProbe, pod: Object) -> bool:
    return bool(probe.labels.items() <= (pod["metadata"].get("labels") or {}).items())


def _has(pod: Object, condition: str, status: str, reason: str | None = None) -> bool:
    return any(
        (each["type"], each["status"]) == (condition, status)
        and reason in (None, each.get("reason"))
        for each in (pod.get("status") or {}).get("conditions") or ()
    )


def _shows(probe: PodsProbe, pod: Object) -> bool:
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    match probe.sign:
        case PodSign.WAITING:
            return any(
                _state(each, "waiting").get("reason") in probe.reasons for each in containers
            )
        case PodSign.ENDED:
            uid = pod["metadata"]["uid"]
            return any(_ended(probe, f"{uid}/{each['name']}", each) for each in containers)
        case PodSign.UNSCHEDULABLE:
            return _has(pod, "PodScheduled", "False", "Unschedulable")
        case PodSign.NOT_READY:
            running = bool(containers) and all("running" in each["state"] for each in containers)
            return running and not _has(pod, "Ready", "True")
        case PodSign.GONE:
            return False


def _state(container: Object, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (container.get("state") or {}).get(name) or {}
    return found


def _ended(probe: PodsProbe, key: str, container: Object) -> bool:
    now = _state(container, "terminated")
    last = (container.get("lastState") or {}).get("terminated") or {}
    again = int(container.get("restartCount", 0)) > probe.restarts.get(key, 0)
    ends = (now, *([last] if again else []))
    return any(
        each and (each.get("reason") in probe.reasons if probe.reasons else each["exitCode"] != 0)
        for each in ends
    )


def look_at_cpu(probe: CpuProbe, pods: Sequence[Object]) -> Look:
    """Judge what the containers of a namespace's pods may use, as the kubelet has it in force."""
    own = [
        each
        for each in pods
        if probe.labels.items() <= (each["metadata"].get("labels") or {}).items()
        and not each["metadata"].get("deletionTimestamp")
    ]
    limits = {
        str(pod["metadata"]["name"]): millicores_of(
            ((each.get("resources") or {}).get("limits") or {}).get("cpu")
        )
        for pod in own
        for each in (pod.get("status") or {}).get("containerStatuses") or ()
        if each["name"] == probe.container
    }
    low = [name for name, limit in limits.items() if limit == probe.millicores]
    well = bool(own) and not low and all(_has(each, "Ready", "True") for each in own)
    return Look(bool(low), well, f"{low} may use {probe.millicores} thousandths of a CPU")


def look_at_replicas(probe: ReplicasProbe, live: Object | None) -> Look:
    """Judge a workload; None is one that is gone."""
    ready = 0 if live is None else counts_of(live).ready
    refused = live is not None and is_refused(live)
    well = ready >= probe.before and not refused
    bites = refused if probe.sign == "refused" else ready < probe.before
    words = "; one more is refused" if refused else ""
    return Look(bites, well, f"{ready} of {probe.before} replicas are ready{words}")


def addresses_of(slices: Sequence[Object], service: str) -> tuple[str, ...]:
    """Return where a Service leads: each ready address with the first port, in order."""
    found = {
        f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        for each in slices
        if (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == service
        for port in [one["port"] for one in (each.get("ports") or ())[:1] if one.get("port")]
        for endpoint in each.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True)
        for address in endpoint["addresses"]
    }
    return tuple(sorted(found))


def look_at_endpoints(probe: EndpointsProbe, now: Sequence[str], *, answered: bool) -> Look:
    """Judge where a Service leads, and whether a connection to any of it was made."""
    if probe.reachable:
        said = "a connection was made" if answered else "no connection was made"
        return Look(not answered, answered, f"Service {probe.service} leads to {list(now)}: {said}")
    ports = {each.rpartition(":")[2] for each in now}
    well = bool(now) and ports == {each.rpartition(":")[2] for each in probe.before}
    return Look(not well, well, f"Service {probe.service} leads to {list(now)}")


def look_at_access(probe: AccessProbe, *, may: bool, let_in: bool | None) -> Look:
    """Judge what a service account is allowed; ``let_in`` is None of what was not tried."""
    tried = "was not tried" if let_in is None else f"was {'let in' if let_in else 'refused'}"
    said = f"{probe.account} {'may' if may else 'may not'} {probe.rule}, and {tried}"
    return Look(not may and not let_in, may and let_in is not False, said)


def look_at_logins(*, old: bool, new: bool, told: bool) -> Look:
    """Judge which password lets in, and whether the Secret says the old one."""
    accepted = [name for name, lets_in in (("old", old), ("new", new)) if lets_in]
    said = f"the database accepts {' and '.join(accepted) or 'no'} password"
    well = old and not new and told
    return Look(not old and new, well, said + ("" if told else "; the Secret does not say the old"))


def rule_to_try(rules: Sequence[Object]) -> AccessRule | None:
    """Return one request that these rules of a Role allow, one that only reads if there is any."""
    found = [
        AccessRule(
            verb="get" if verb == "*" else verb,
            group="" if group == "*" else group,
            resource="configmaps" if resource == "*" else resource,
            name=name,
        )
        for each in rules
        for verb in each.get("verbs") or ()
        for group in each.get("apiGroups") or ()
        for resource in each.get("resources") or ()
        if "/" not in resource
        for name in (each.get("resourceNames") or [""])[:1]
    ]
    reading = [each for each in found if each.verb in READING]
    return next(iter(reading or found), None)


def look_at_node_steps(run: FaultRun) -> Look:
    """Judge by what fault-agent has written into the journal."""
    steps = [each for each in run.steps if isinstance(each.step, NodeStep)]
    bites = [at for each in steps if (at := _bites_at(each)) is not None]
    over = all(each.undone is not None for each in steps)
    silent = [each.step.object.name for each in steps if _is_silent(each)]
    said = f"it was seen to bite in {len(bites)} of {len(steps)} pods"
    if silent:
        said += f"; after its end nothing that was asked in {silent} was answered"
    return Look(bool(bites), over and not silent, said, min(bites, default=None))


def _bites_at(record: StepRecord) -> dt.datetime | None:
    """Return since when a step bites: in a pod's network it is looked for, else it is made."""
    step = record.step
    in_network = isinstance(step, NodeStep) and isinstance(step.means, PacketFault | Contact)
    return record.bites_at if in_network else record.armed_at


def _is_silent(record: StepRecord) -> bool:
    """Say whether a pod that is there is not answered as it was before."""
    asked = record.proof is not None and record.proof.asks
    return asked and record.undone not in (None, Undone.GONE) and record.well_at is None
