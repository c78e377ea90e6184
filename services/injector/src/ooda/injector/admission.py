"""From a request to a run that is written down, or to a refusal: gather, judge, plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterError, NotFound, Object, Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.events import FaultRequested
from ooda.common.fault_runs import (
    FaultRun,
    GroundTruth,
    Phase,
    RotateStep,
    Spared,
    Step,
    StepRecord,
)
from ooda.common.kill_switch import read_stop
from ooda.common.ownership import contesting_owner
from ooda.common.targets import ServiceAccountTarget, ServiceTarget, Target, WorkloadTarget
from ooda.injector import baseline, restoring, steps
from ooda.injector.core.bystanders import healthy
from ooda.injector.core.fence import (
    NOT_LOOKED,
    Asked,
    Facts,
    Inside,
    Limits,
    Named,
    Refusal,
    judge,
    leases_of,
    parse_target,
)
from ooda.injector.core.fingerprint import fingerprint
from ooda.injector.core.merge import MovedError
from ooda.injector.core.scenario import Scenario, ScenarioError, settle_parameters
from ooda.injector.core.workloads import TARGETS, kind_of, name_of, settled, with_kind
from ooda.injector.credentials import Credentials
from ooda.injector.databases import DatabaseError
from ooda.injector.faults.library import FAULTS
from ooda.injector.faults.scene import NotApplicableError, Scene, reference
from ooda.injector.journal import Journal
from ooda.injector.leases import Leases
from ooda.injector.ports import Cluster
from ooda.injector.probes.bystanding import workloads
from ooda.injector.probes.outside import OUTSIDE, Outside
from ooda.injector.probes.planning import plan_effect


@dataclass(frozen=True, slots=True)
class Admission:
    """What requests are judged with."""

    api: Cluster
    namespace: str
    """The injector's own."""
    limits: Limits
    scenarios: Mapping[str, Scenario]
    clock: Clock
    outside: Outside = OUTSIDE

    async def admit(self, asked: FaultRequested, sequence: int) -> FaultRun | Refusal | None:
        """Return the run, not written down yet; None if this very request is a run already.

        Every step was tried by a dry run of the API server. Raises ClusterError.
        """
        known = await Journal(self.api, self.namespace).find(asked.run_id)
        if known and (known.run.request_id, known.run.sequence) == (asked.event_id, sequence):
            return None
        facts, parameters = await self._outside(asked, replayed=known is not None)
        refusal = judge(facts)
        if refusal is not NOT_LOOKED or facts.scenario is None:
            return refusal
        inside, matched = await self._inside(asked)
        refusal = judge(replace(facts, inside=inside))
        if refusal is not None:
            return refusal
        autoscaled = inside.autoscaler is not None
        found = _Found(facts.scenario, parameters, matched[0], autoscaled=autoscaled)
        return await self._plan(asked, sequence, found)

    async def _outside(
        self, asked: FaultRequested, *, replayed: bool
    ) -> tuple[Facts, Mapping[str, str]]:
        scenario, problem, parameters = self.scenarios.get(asked.scenario), None, {}
        if scenario is not None:
            try:
                parameters = dict(settle_parameters(scenario, asked.parameters, asked.intensity))
            except ScenarioError as error:
                problem = str(error)
        namespace = asked.namespace or ""
        stop = await read_stop(self.api, self.namespace)
        kube_system = await self.api.get(Kind.NAMESPACE, None, "kube-system")
        holders = await self._holders(leases_of(scenario, namespace) if scenario else ())
        facts = Facts(
            asked=Asked(
                run_id=asked.run_id,
                scenario_id=asked.scenario,
                cluster=asked.cluster_id,
                namespace=namespace,
                target=asked.target,
                seconds=asked.duration_seconds,
                valid_until=asked.valid_until,
            ),
            limits=self.limits,
            now=self.clock.now(),
            cluster=str(kube_system["metadata"]["uid"]),
            stopped=None if stop is None else stop.by,
            scenario=scenario,
            problem=problem,
            replayed=replayed,
            quarantined=await self._quarantined(namespace),
            holders=holders,
        )
        return facts, parameters

    async def _holders(self, names: Sequence[str]) -> Mapping[str, str]:
        leases = Leases(self.api, self.namespace)
        found = {name: await leases.holder(name) for name in names}
        return {name: holder for name, holder in found.items() if holder is not None}

    async def _quarantined(self, namespace: str) -> str | None:
        runs = [each.run for each in await Journal(self.api, self.namespace).runs()]
        return next(
            (
                each.run_id
                for each in runs
                if each.namespace == namespace and each.phase is Phase.TEARDOWN_FAILED
            ),
            None,
        )

    async def _inside(self, asked: FaultRequested) -> tuple[Inside, Sequence[Object]]:
        """Look at the namespace, which the fence has let through so far."""
        name = asked.namespace or ""
        try:
            place = await self.api.get(Kind.NAMESPACE, None, name)
        except NotFound:
            return Inside(exists=False), ()
        if place["metadata"].get("deletionTimestamp"):
            return Inside(exists=False), ()
        matched = await self._matched(name, asked.target)
        if len(matched) != 1:
            return Inside(exists=True, matched=[name_of(each) for each in matched]), matched
        live = matched[0]
        scalers = await self.api.list(Kind.HORIZONTAL_POD_AUTOSCALER, name)
        inside = Inside(
            exists=True,
            matched=[name_of(live)],
            healthy=settled(live),
            autoscaler=_scaler_of(scalers, live),
            owner=contesting_owner(live),
        )
        return inside, matched

    async def _matched(self, namespace: str, target: str) -> Sequence[Object]:
        meant = parse_target(target)
        if isinstance(meant, Named):
            kinds = TARGETS if meant.kind is None else (meant.kind,)
            looked = [await self._named(kind, namespace, meant.name) for kind in kinds]
            return [each for each in looked if each is not None]
        return [
            with_kind(kind, each)
            for kind in TARGETS
            for each in await self.api.list(kind, namespace, labels=meant)
        ]

    async def _named(self, kind: Kind, namespace: str, name: str) -> Object | None:
        try:
            return await self.api.get(kind, namespace, name)
        except NotFound:
            return None

    async def _plan(
        self, asked: FaultRequested, sequence: int, found: "_Found"
    ) -> FaultRun | Refusal:
        scenario, parameters, live = found.scenario, found.parameters, found.target
        fault = FAULTS[scenario.mechanism]
        namespace = str(live["metadata"]["namespace"])
        objects = {kind: await self.api.list(kind, namespace) for kind in fault.reads}
        try:
            planned = fault.plan(Scene(live, objects), parameters)
            for each in planned:
                await steps.apply(self.api, each, dry_run=True)
                await self._try_credential(each)
            effect = await plan_effect(self.api, self.outside.dial, scenario.effect, live, planned)
        except NotApplicableError as error:
            return Refusal("not_applicable", f"{scenario.id} does not fit {asked.target}: {error}.")
        except Unavailable:
            raise
        except (MovedError, ClusterError, DatabaseError) as error:
            return Refusal("not_accepted", f"The API server would not take it: {error}.")
        place = await self.api.get(Kind.NAMESPACE, None, namespace)
        now, workload = self.clock.now(), reference(kind_of(live), live)
        # Of an autoscaled target only what the run itself changes can be expected to come back.
        target = {} if found.autoscaled else {f"{workload.kind}/{workload.name}": fingerprint(live)}
        return FaultRun(
            run_id=asked.run_id,
            request_id=asked.event_id,
            sequence=sequence,
            cluster_id=asked.cluster_id,
            namespace=namespace,
            namespace_uid=str(place["metadata"]["uid"]),
            scenario=scenario.id,
            target=str(live["metadata"]["name"]),
            workload=workload,
            parameters=parameters,
            duration_seconds=asked.duration_seconds,
            recovery_seconds=scenario.recovery_seconds,
            truth=GroundTruth(
                failure_class=scenario.truth.failure_class,
                component=_component(scenario, live, planned),
                accepted=scenario.truth.accepted,
            ),
            steps=tuple(StepRecord(step=each) for each in planned),
            leases=leases_of(scenario, namespace),
            baseline={**target, **await baseline.take(self.api, namespace, planned)},
            images=await restoring.take(self.api, workload, planned, autoscaled=found.autoscaled),
            effect=effect,
            spared=Spared(
                workloads=healthy(await workloads(self.api, namespace), live),
                hold_seconds=scenario.bystander.hold_seconds,
            ),
            times={"requested": asked.occurred_at, str(Phase.ADMITTED): now},
        )

    async def _try_credential(self, step: Step) -> None:
        """Log in as it will have to. Raises NotApplicableError, ClusterError, DatabaseError."""
        if isinstance(step, RotateStep):
            credentials = Credentials(self.api, self.namespace, self.outside.database)
            problem = await credentials.check(step)
            if problem is not None:
                raise NotApplicableError(problem)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a request that was let through means."""

    scenario: Scenario
    parameters: Mapping[str, str]
    target: Object
    autoscaled: bool


def _scaler_of(scalers: Sequence[Object], live: Object) -> str | None:
    for each in scalers:
        aimed = each["spec"]["scaleTargetRef"]
        if f"{aimed['kind']}/{aimed['name']}" == name_of(live):
            return str(each["metadata"]["name"])
    return None


def _component(scenario: Scenario, live: Object, planned: Sequence[Step]) -> Target:
    namespace, name = str(live["metadata"]["namespace"]), str(live["metadata"]["name"])
    match scenario.truth.component:
        case "service":
            return ServiceTarget(namespace=namespace, name=planned[0].object.name)
        case "service_account":
            account = live["spec"]["template"]["spec"].get("serviceAccountName", "default")
            return ServiceAccountTarget(namespace=namespace, name=account)
        case "workload":
            return WorkloadTarget(namespace=namespace, workload_kind=kind_of(live), name=name)
