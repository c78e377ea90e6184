"""Make what a scenario says of its effect into what a run's journal says of it."""

from collections.abc import Mapping, Sequence

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_probes import (
    AccessProbe,
    CpuProbe,
    Effect,
    EndpointsProbe,
    LoginProbe,
    NodeProbe,
    PodsProbe,
    ReplicasProbe,
)
from ooda.common.fault_probes import Probe as Planned
from ooda.common.fault_runs import ChangeStep, DeletePodStep, Step
from ooda.common.quantities import millicores_of
from ooda.injector.core.looks import addresses_of, rule_to_try
from ooda.injector.core.scenario import (
    AccessEffect,
    CpuEffect,
    EffectProbe,
    EndpointsEffect,
    LoginEffect,
    NodeEffect,
    PodsEffect,
    ReplicasEffect,
)
from ooda.injector.core.workloads import counts_of, leaves_first_seconds
from ooda.injector.faults.scene import NotApplicableError, selector_of
from ooda.injector.ports import Cluster
from ooda.injector.probes.asking import any_answers
from ooda.injector.probes.interface import Dial


async def plan_effect(
    api: Cluster, dial: Dial, wanted: EffectProbe, live: Object, steps: Sequence[Step]
) -> Effect:
    """Return how a run is seen to bite, with what has to be known from before it.

    Raises NotApplicableError if it could not be seen, ClusterError.
    """
    return Effect(
        probe=await _plan(api, dial, wanted, live, steps),
        within_seconds=wanted.within_seconds + _until_replaced(wanted, live),
        hold_seconds=wanted.hold_seconds,
    )


def _until_replaced(wanted: EffectProbe, live: Object) -> float:
    """Return how much later what is seen of pods may be, as they take each other's place."""
    of_pods = isinstance(wanted, PodsEffect | ReplicasEffect)
    return leaves_first_seconds(live) if of_pods else 0.0


async def _plan(
    api: Cluster, dial: Dial, wanted: EffectProbe, live: Object, steps: Sequence[Step]
) -> Planned:
    namespace = str(live["metadata"]["namespace"])
    planned: Planned
    match wanted:
        case PodsEffect(sign=sign, reasons=reasons):
            labels = selector_of(live)
            planned = PodsProbe(
                labels=labels,
                sign=sign,
                reasons=reasons,
                deleted=tuple(each.object.uid for each in steps if isinstance(each, DeletePodStep)),
                restarts=_restarts(await api.list(Kind.POD, namespace, labels=labels)),
            )
        case CpuEffect():
            planned = _cpu(live, steps)
        case ReplicasEffect(sign=sign):
            planned = ReplicasProbe(sign=sign, before=counts_of(live).wanted)
        case EndpointsEffect():
            service = steps[0].object.name
            leads_to = addresses_of(await api.list(Kind.ENDPOINT_SLICE, namespace), service)
            if not leads_to:
                raise NotApplicableError(f"Service {service} leads nowhere")
            reachable = await any_answers(dial, leads_to)
            planned = EndpointsProbe(service=service, before=leads_to, reachable=reachable)
        case AccessEffect():
            planned = _access(live, steps)
        case LoginEffect():
            planned = LoginProbe()
        case NodeEffect():
            planned = NodeProbe()
    return planned


def _restarts(pods: Sequence[Object]) -> Mapping[str, int]:
    return {
        f"{pod['metadata']['uid']}/{each['name']}": int(each.get("restartCount", 0))
        for pod in pods
        for each in (pod.get("status") or {}).get("containerStatuses") or ()
    }


def _cpu(live: Object, steps: Sequence[Step]) -> CpuProbe:
    wanted = next(
        millicores_of(each.after)
        for step in steps
        if isinstance(step, ChangeStep)
        for each in step.changes
        if each.path.endswith("/limits/cpu")
    )
    container = str(live["spec"]["template"]["spec"]["containers"][0]["name"])
    return CpuProbe(labels=selector_of(live), container=container, millicores=wanted or 0)


def _access(live: Object, steps: Sequence[Step]) -> AccessProbe:
    account = str(live["spec"]["template"]["spec"].get("serviceAccountName", "default"))
    rules = [
        rule
        for step in steps
        if isinstance(step, ChangeStep)
        for each in step.changes
        if each.path == "/rules"
        for rule in each.before or ()
    ]
    rule = rule_to_try(rules)
    if rule is None:
        raise NotApplicableError(f"no rule of its service account {account} can be tried")
    return AccessProbe(account=account, rule=rule)
