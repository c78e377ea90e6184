"""Which class looks for the effect of a run."""

from ooda.common.fault_probes import (
    AccessProbe,
    EndpointsProbe,
    NodeProbe,
    PodsProbe,
    ReplicasProbe,
)
from ooda.common.fault_runs import FaultRun
from ooda.injector.ports import Cluster
from ooda.injector.probes.asking import Access, Endpoints
from ooda.injector.probes.interface import Dial, Probe
from ooda.injector.probes.watching import NodeSteps, Pods, Replicas


def probe_of(api: Cluster, own: str, run: FaultRun, dial: Dial) -> Probe | None:
    """Return what looks for the effect of a run, whose journal is in namespace ``own``."""
    if run.effect is None:
        return None
    match run.effect.probe:
        case PodsProbe() as probe:
            return Pods(api, run.namespace, probe)
        case ReplicasProbe() as probe:
            return Replicas(api, run.namespace, probe)
        case EndpointsProbe() as probe:
            return Endpoints(api, run.namespace, probe, dial)
        case AccessProbe() as probe:
            return Access(api, run.namespace, probe)
        case NodeProbe():
            return NodeSteps(api, own, run.run_id)
