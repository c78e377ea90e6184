"""The fixed diagnostic sequence: every tool that applies, in parallel, each within its time."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from langchain_core.tools import BaseTool

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, Unavailable
from ooda.common.findings import Finding
from ooda.common.targets import (
    NodeTarget,
    PodTarget,
    ServiceAccountTarget,
    ServiceTarget,
    Target,
    WorkloadTarget,
)
from ooda.common.taxonomy import EvidenceFamily, Signal
from ooda.orienter.core.findings import About, unavailable
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Incident
from ooda.orienter.meters import Failure, Meters
from ooda.orienter.tools.reading import JOBS, WORKLOADS

log = structlog.get_logger()

TOOL_SECONDS = 1.5
TOTAL_SECONDS = 2.0

SUSPECTS = 5
"""Components that are looked at for one incident, those with the earliest anomalies."""

FAMILIES = {
    "inspect_workload": EvidenceFamily.OBJECT_STATE,
    "inspect_job": EvidenceFamily.OBJECT_STATE,
    "inspect_pod": EvidenceFamily.OBJECT_STATE,
    "get_pod_logs": EvidenceFamily.LOGS,
    "describe_pod_events": EvidenceFamily.EVENTS,
    "check_service_endpoints": EvidenceFamily.OBJECT_STATE,
    "query_error_rate": EvidenceFamily.SERVER_METRICS,
    "check_memory": EvidenceFamily.RESOURCE_METRICS,
    "recent_changes": EvidenceFamily.RECENT_CHANGE,
    "recent_service_changes": EvidenceFamily.RECENT_CHANGE,
    "inspect_node": EvidenceFamily.NODE,
    "inspect_pods_of_node": EvidenceFamily.OBJECT_STATE,
    "describe_node_events": EvidenceFamily.EVENTS,
    "query_node_scrapes": EvidenceFamily.RESOURCE_METRICS,
    "recent_access_changes": EvidenceFamily.RECENT_CHANGE,
    "check_permissions": EvidenceFamily.IDENTITY,
    "get_account_logs": EvidenceFamily.LOGS,
}


_LATE = "did not answer in time"
_AWAY = (_LATE, Unavailable.__name__)
"""How the reason begins where the same question may be answered later."""


STATES = (
    "inspect_workload",
    "inspect_job",
    "inspect_pod",
    "check_service_endpoints",
    "check_permissions",
)
"""Tools that read the state of what is suspected: of a workload, a Service, a service account."""

CHANGES = ("recent_changes", "recent_service_changes", "recent_access_changes")
"""Tools that tell what changed on it."""

Suspect = WorkloadTarget | ServiceTarget | NodeTarget | PodTarget | ServiceAccountTarget
"""What there are tools to look at."""

NODE_TOOLS = ("inspect_node", "inspect_pods_of_node", "describe_node_events", "query_node_scrapes")
SERVICE_TOOLS = ("check_service_endpoints", "recent_service_changes")


@dataclass(frozen=True, slots=True)
class Call:
    """One tool to ask, and the component that its answer is about."""

    tool: str
    arguments: Mapping[str, Any]
    component: Target


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks the tools."""

    tools: Mapping[str, BaseTool]
    clock: Clock
    meters: Meters
    tool_seconds: float = field(default=TOOL_SECONDS)
    total_seconds: float = field(default=TOTAL_SECONDS)

    async def gather(self, incident: Incident, graph: Graph) -> tuple[Finding, ...]:
        """Look at every suspect, then at the servers that they say they cannot reach.

        It ends within the total time, whatever the tools do, and never raises: a tool that fails
        or is late has a finding that says so.
        """
        ends = time.monotonic() + self.total_seconds
        suspects = suspects_of(incident, graph)
        first = await self._ask(
            (call for each in suspects for call in calls_for(each, incident, graph)), ends
        )
        named = dict.fromkeys(
            suspect
            for finding in first
            for server in finding.points_at
            for suspect in (graph.server(server), server)
        )
        servers = [each for each in named if isinstance(each, Suspect)]
        new = [each for each in servers if each not in suspects][:SUSPECTS]
        second = await self._ask(
            (call for each in new for call in calls_for(each, incident, graph)), ends
        )
        return (*first, *second)

    async def _ask(self, calls: Iterable[Call], ends: float) -> Sequence[Finding]:
        return await asyncio.gather(*(self._one(call, ends) for call in calls))

    async def _one(self, call: Call, ends: float) -> Finding:
        begun = time.monotonic()
        left = max(0.0, ends - begun)
        about = About(call.tool, FAMILIES[call.tool], call.component, self.clock.now())
        try:
            async with asyncio.timeout(min(self.tool_seconds, left)):
                found = await self.tools[call.tool].ainvoke(dict(call.arguments))
        except TimeoutError:
            return self._failed(about, "late", _LATE)
        except ClusterError as error:
            return self._failed(about, "unavailable", f"{type(error).__name__}: {error}")
        except Exception as error:
            # A tool reads what others wrote: whatever it stumbles over is not the end of the rest.
            log.exception("a diagnostic tool failed", tool=call.tool)
            return self._failed(about, "failed", f"failed: {type(error).__name__}")
        finally:
            self.meters.asked(call.tool, time.monotonic() - begun)
        if not isinstance(found, Finding):
            return self._failed(about, "failed", "did not answer with a finding")
        return found.model_copy(update={"target": call.component})

    def _failed(self, about: About, reason: Failure, words: str) -> Finding:
        self.meters.failed(about.tool, reason)
        return unavailable(about, words)


def unanswered(tools: Sequence[str], findings: Sequence[Finding]) -> bool:
    """Say whether the API server was away for the first of some tools that was asked.

    It had no answer then, and later it might.
    """
    asked = {each.tool for each in findings}
    first = next((each for each in tools if each in asked), None)
    its_own = [each for each in findings if each.tool == first]
    return bool(its_own) and all(
        each.outcome == "unavailable" and each.excerpt.startswith(_AWAY) for each in its_own
    )


def suspects_of(incident: Incident, graph: Graph) -> list[Suspect]:
    """Return what is to be looked at: what has open anomalies, the earliest first."""
    members = sorted(incident.still_open or incident.members, key=lambda each: each.since)
    components = dict.fromkeys(graph.component(each.target) for each in members)
    return [each for each in components if isinstance(each, Suspect)][:SUSPECTS]


def calls_for(suspect: Suspect, incident: Incident, graph: Graph) -> list[Call]:
    """Return every tool that applies to a suspect, with its arguments."""
    match suspect:
        case NodeTarget(name=name):
            return [Call(each, {"node": name}, suspect) for each in NODE_TOOLS]
        case ServiceTarget(namespace=namespace, name=name):
            asked = {"service": name, "namespace": namespace}
            return [Call(each, asked, suspect) for each in SERVICE_TOOLS]
        case PodTarget(namespace=namespace, name=name):
            return _calls_that_end(suspect, name, Call(
                "inspect_pod", {"pod_name": name, "namespace": namespace}, suspect))  # fmt: skip
        case ServiceAccountTarget():
            return _calls_for_account(suspect, incident)
        case WorkloadTarget():
            return _calls_for_workload(suspect, incident, graph)


def _calls_for_account(account: ServiceAccountTarget, incident: Incident) -> list[Call]:
    which = {"account": account.name, "namespace": account.namespace}
    times = (each.since for each in incident.members if each.target == account)
    timed = {**which, "since": min(times, default=None)}
    return [
        Call("recent_access_changes", timed, account),
        Call("check_permissions", which, account),
        Call("get_account_logs", timed, account),
    ]


def _calls_for_workload(workload: WorkloadTarget, incident: Incident, graph: Graph) -> list[Call]:
    own = [each for each in incident.members if graph.component(each.target) == workload]
    # One that is there tells more than one that is lost.
    telling = sorted(own, key=lambda each: each.signal is Signal.POD_LOST)
    shown = next((each.pod for each in telling if each.pod), None)
    place = {"namespace": workload.namespace}
    which = {"workload_kind": workload.workload_kind, "name": workload.name, **place}
    if workload.workload_kind in JOBS:
        return _calls_that_end(
            workload, shown or workload.name, Call("inspect_job", which, workload)
        )
    if workload.workload_kind not in WORKLOADS:
        return []
    lost = next((m.pod for m in own if m.signal is Signal.POD_LOST and m.pod), None)
    services = [each.name for each in graph.services_of(workload)]
    calls = [
        Call("inspect_workload", {**which, "lost_pod": lost}, workload),
        Call("recent_changes", which, workload),
        Call("check_memory", which, workload),
        Call("get_pod_logs", {"service": (services or [workload.name])[0], **place}, workload),
        Call("describe_pod_events", {"pod_name": shown or workload.name, **place}, workload),
    ]
    for service in services[:1]:
        asked = {"service": service, **place}
        itself = ServiceTarget(namespace=workload.namespace, name=service)
        calls.append(Call("check_service_endpoints", asked, itself))
        calls.append(Call("query_error_rate", asked, workload))
    return calls


def _calls_that_end(suspect: WorkloadTarget | PodTarget, pod: str, state: Call) -> list[Call]:
    """Return what applies to pods that come to an end, or that nobody makes again."""
    place = {"namespace": suspect.namespace}
    return [
        state,
        Call("get_pod_logs", {"service": suspect.name, **place}, suspect),
        Call("describe_pod_events", {"pod_name": pod, **place}, suspect),
    ]
