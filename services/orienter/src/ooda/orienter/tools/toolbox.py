"""The read-only diagnostic tools. Each returns one typed finding and writes nothing.

They are LangChain tools, so that the fixed sequence and a model ask in the same way. Here is only
the reading; what it means is said by pure functions in ``core``.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterReader, NotFound
from ooda.common.cluster.kinds import Kind
from ooda.common.findings import Finding
from ooda.common.known_good import KnownGoodSpec, last_good_service
from ooda.common.pod_templates import config_maps_of
from ooda.common.remarks import is_ours
from ooda.common.targets import PodTarget, ServiceTarget, Target, WorkloadTarget
from ooda.common.taxonomy import EvidenceFamily
from ooda.orienter.core.findings import About, Seen, finding, unavailable
from ooda.orienter.core.objects import (
    account_of,
    event_of,
    mapping,
    pod_of,
    workload_of,
)
from ooda.orienter.core.rules_access import read_denials
from ooda.orienter.core.rules_changes import (
    ChangeFacts,
    recent_change,
    recent_service_change,
)
from ooda.orienter.core.rules_events import read_events
from ooda.orienter.core.rules_logs import read_logs, server_named
from ooda.orienter.core.rules_memory import memory_query, memory_uses, read_memory
from ooda.orienter.core.rules_services import (
    PROFILES,
    Routing,
    error_query,
    read_endpoints,
    read_error_rate,
    read_routing,
)
from ooda.orienter.core.rules_state import WorkloadState, inspect_state
from ooda.orienter.core.weights import Weights
from ooda.orienter.prometheus import Metrics, PrometheusUnavailableError
from ooda.orienter.sight import Sight
from ooda.orienter.tools import arguments
from ooda.orienter.tools.access_tools import AccessTools
from ooda.orienter.tools.job_tools import JobTools
from ooda.orienter.tools.node_tools import NodeTools
from ooda.orienter.tools.reading import WORKLOADS, Reading, having, labels_of_selector

PODS_READ = 3
"""Pods whose logs are read, those in trouble first."""

TAIL_LINES = 100

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""The alphabet of Kubernetes' random names: no vowels, so that none is a word."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What the tools need."""

    reader: ClusterReader
    metrics: Metrics
    sight: Sight
    clock: Clock
    weights: Weights

    async def inspect_workload(
        self, workload_kind: str, name: str, namespace: str, lost_pod: str | None = None
    ) -> Finding:
        """Look at the state of a workload and its pods: containers, exit codes, replicas."""
        target = WorkloadTarget(namespace=namespace, workload_kind=workload_kind, name=name)
        about = self._about("inspect_workload", EvidenceFamily.OBJECT_STATE, target)
        try:
            found = await self.reader.get(WORKLOADS[workload_kind], namespace, name)
        except NotFound:
            return finding(about, Seen(excerpt=f"{target} does not exist"), self.weights)
        everything = await self.reader.list(Kind.POD, namespace)
        own = having(everything, labels_of_selector(found))
        state = WorkloadState(
            workload_of(workload_kind, found),
            [pod_of(each) for each in own],
            about.at,
            self.sight.minimum(target),
            lost_pod,
            frozenset(
                (container.image, pod.node)
                for pod in map(pod_of, everything)
                if pod.node
                for container in pod.containers
                if container.running
            ),
        )
        return finding(about, inspect_state(state), self.weights)

    async def get_pod_logs(self, service: str, namespace: str) -> Finding:
        """Read the end of the logs of a Service's pods and classify lines by pattern."""
        target = ServiceTarget(namespace=namespace, name=service)
        about = self._about("get_pod_logs", EvidenceFamily.LOGS, target)
        reading = Reading(self.reader)
        found = await reading.pods_behind(service, namespace)
        pods = sorted(map(pod_of, found or ()), key=lambda pod: (not pod.in_trouble, pod.ready))
        texts, errors = await Reading(self.reader).logs(pods[:PODS_READ], namespace, TAIL_LINES)
        if errors and not texts:
            return unavailable(about, errors[-1])
        said = read_logs(texts)
        known = {each.name: each for each in self.sight.workloads(namespace)}
        others = [each for each in self._names(namespace) if each != service]
        named = server_named(said.refused_by, others, namespace)
        servers: list[Target] = []
        for name in named:
            # The Service that has the name may be what fails, even if nothing is seen behind it.
            servers += [known[name]] if name in known else []
            servers.append(ServiceTarget(namespace=namespace, name=name))
        denied = read_denials(texts, {account_of(each) for each in found or ()}, namespace)
        seen = Seen(
            said.seen.signs | denied.signs,
            f"{denied.excerpt}\n{said.seen.excerpt}" if denied.excerpt else said.seen.excerpt,
            (*servers, *denied.points_at),
        )
        return finding(about, seen, self.weights)

    async def describe_pod_events(self, pod_name: str, namespace: str) -> Finding:
        """Read the recent Events of a pod and of the controllers that made it."""
        target = PodTarget(namespace=namespace, name=pod_name)
        about = self._about("describe_pod_events", EvidenceFamily.EVENTS, target)
        notes = []
        for name in _controllers(pod_name):
            found = await self.reader.list(Kind.EVENT, namespace, fields={"regarding.name": name})
            notes += [event_of(each) for each in found if not is_ours(each)]
        return finding(about, read_events(notes, about.at), self.weights)

    async def check_service_endpoints(self, service: str, namespace: str) -> Finding:
        """Compare a Service's ready endpoints with the ready pods behind it."""
        target = ServiceTarget(namespace=namespace, name=service)
        about = self._about("check_service_endpoints", EvidenceFamily.OBJECT_STATE, target)
        try:
            found = await self.reader.get(Kind.SERVICE, namespace, service)
        except NotFound:
            return finding(about, Seen(excerpt=f"{target} does not exist"), self.weights)
        slices = await self.reader.list(
            Kind.ENDPOINT_SLICE, namespace, labels={"kubernetes.io/service-name": service}
        )
        reading, spec = Reading(self.reader), mapping(found.get("spec"))
        behind = await reading.pods_selected(spec, namespace)
        known = await reading.known_good(namespace)
        good = last_good_service(known, service, spec) if known is not None else None
        ready = sum(pod_of(each).serves for each in behind) if behind is not None else None
        seen = read_endpoints(slices, ready)
        if good is not None:
            served = await reading.pods_selected(good, namespace)
            routed = read_routing(Routing(spec, good, behind or (), served or ()))
            excerpt = f"{seen.excerpt}; {routed.excerpt}" if routed.excerpt else seen.excerpt
            seen = Seen(routed.signs or seen.signs, excerpt)
        return finding(about, seen, self.weights)

    async def query_error_rate(
        self, service: str, namespace: str, window_seconds: int = 60
    ) -> Finding:
        """Ask Prometheus which part of the requests to a Service failed lately."""
        target = ServiceTarget(namespace=namespace, name=service)
        about = self._about("query_error_rate", EvidenceFamily.SERVER_METRICS, target)
        rates: dict[str, float] = {}
        try:
            for profile in PROFILES:
                expression = error_query(profile, service, namespace, window_seconds)
                for labels, value in await self.metrics.query(expression):
                    rates[labels.get(profile.status, "")] = value
                if rates:
                    break
        except PrometheusUnavailableError as error:
            return unavailable(about, str(error))
        return finding(about, read_error_rate(rates, window_seconds, self.weights), self.weights)

    async def check_memory(self, workload_kind: str, name: str, namespace: str) -> Finding:
        """Ask Prometheus how near a workload's containers came to their memory limits lately."""
        target = WorkloadTarget(namespace=namespace, workload_kind=workload_kind, name=name)
        about = self._about("check_memory", EvidenceFamily.RESOURCE_METRICS, target)
        try:
            found = await self.reader.get(WORKLOADS[workload_kind], namespace, name)
        except NotFound:
            return finding(about, Seen(excerpt=f"{target} does not exist"), self.weights)
        labels = labels_of_selector(found)
        pods = await self.reader.list(Kind.POD, namespace, labels=labels) if labels else ()
        try:
            answer = await self.metrics.query(memory_query(name, namespace))
        except PrometheusUnavailableError as error:
            return unavailable(about, str(error))
        uses = memory_uses(mapping(mapping(found.get("spec")).get("template")), pods, answer)
        return finding(about, read_memory(uses, self.weights), self.weights)

    async def recent_changes(self, workload_kind: str, name: str, namespace: str) -> Finding:
        """Tell what changed on a workload lately, against what is known to be good."""
        target = WorkloadTarget(namespace=namespace, workload_kind=workload_kind, name=name)
        about = self._about("recent_changes", EvidenceFamily.RECENT_CHANGE, target)
        reading = Reading(self.reader)
        try:
            found = await self.reader.get(WORKLOADS[workload_kind], namespace, name)
        except NotFound:
            return finding(about, Seen(excerpt=f"{target} does not exist"), self.weights)
        template = mapping(mapping(found.get("spec")).get("template"))
        facts = ChangeFacts(
            target,
            found,
            await reading.replica_sets(found, namespace) if workload_kind == "Deployment" else (),
            [
                pod_of(each)
                for each in await self.reader.list(
                    Kind.POD, namespace, labels=labels_of_selector(found)
                )
            ],
            await reading.known_good(namespace),
            await reading.config_maps(config_maps_of(template), namespace),
        )
        return finding(about, recent_change(facts), self.weights)

    async def recent_service_changes(self, service: str, namespace: str) -> Finding:
        """Tell when a Service was told to lead elsewhere, against what is known to be good."""
        target = ServiceTarget(namespace=namespace, name=service)
        about = self._about("recent_service_changes", EvidenceFamily.RECENT_CHANGE, target)
        try:
            found = await self.reader.get(Kind.SERVICE, namespace, service)
        except NotFound:
            return finding(about, Seen(excerpt=f"{target} does not exist"), self.weights)
        known = await Reading(self.reader).known_good(namespace) or KnownGoodSpec()
        return finding(about, recent_service_change(target, found, known), self.weights)

    def tools(self) -> dict[str, BaseTool]:
        """Return the tools by name."""
        nodes = NodeTools(self.reader, self.metrics, self.clock, self.weights)
        jobs = JobTools(self.reader, self.clock, self.weights)
        access = AccessTools(self.reader, self.clock, self.weights)
        made = (
            _tool(self.inspect_workload, arguments.InspectArguments),
            _tool(self.get_pod_logs, arguments.ServiceArguments),
            _tool(self.describe_pod_events, arguments.PodArguments),
            _tool(self.check_service_endpoints, arguments.ServiceArguments),
            _tool(self.query_error_rate, arguments.ErrorRateArguments),
            _tool(self.check_memory, arguments.WorkloadArguments),
            _tool(self.recent_changes, arguments.WorkloadArguments),
            _tool(self.recent_service_changes, arguments.ServiceArguments),
            _tool(jobs.inspect_job, arguments.JobArguments),
            _tool(jobs.inspect_pod, arguments.PodArguments),
            _tool(access.recent_access_changes, arguments.AccountSinceArguments),
            _tool(access.check_permissions, arguments.AccountArguments),
            _tool(access.get_account_logs, arguments.AccountSinceArguments),
            _tool(nodes.inspect_node, arguments.NodeArguments),
            _tool(nodes.inspect_pods_of_node, arguments.NodeArguments),
            _tool(nodes.describe_node_events, arguments.NodeArguments),
            _tool(nodes.query_node_scrapes, arguments.NodeArguments),
        )
        return {each.name: each for each in made}

    def _about(self, tool: str, family: EvidenceFamily, target: Target) -> About:
        return About(tool, family, target, self.clock.now())

    def _names(self, namespace: str) -> list[str]:
        services = (
            edge.source
            for edge in self.sight.graph.edges
            if edge.relation == "selects" and isinstance(edge.source, ServiceTarget)
        )
        named = [each.name for each in services if each.namespace == namespace]
        return named + [each.name for each in self.sight.workloads(namespace)]


def _tool(method: Callable[..., Awaitable[Finding]], schema: type[BaseModel]) -> BaseTool:
    return StructuredTool.from_function(
        coroutine=method, name=method.__name__, description=method.__doc__, args_schema=schema
    )


def _controllers(pod_name: str) -> tuple[str, ...]:
    """Return the names of a pod and of what made it, as the controllers form them.

    The pod need not exist any more. A name that is not of their form is a controller's own.
    """
    if (ordinal := re.fullmatch(r"(.+)-\d+", pod_name)) is not None:
        return pod_name, ordinal[1]
    if (made := re.fullmatch(rf"(.+)-{_RANDOM}{{5}}", pod_name)) is None:
        return (pod_name,)
    hashed = re.fullmatch(rf"(.+)-{_RANDOM}{{6,10}}", made[1])
    return (pod_name, made[1], hashed[1]) if hashed else (pod_name, made[1])
