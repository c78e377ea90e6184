"""Which class looks for the effect of a run."""

from ooda.common.fault_probes import (
    AccessProbe,
    CpuProbe,
    EndpointsProbe,
    LoginProbe,
    NodeProbe,
    PodsProbe,
    ReplicasProbe,
)
from ooda.common.fault_runs import FaultRun
from ooda.injector.credentials import Credentials
from ooda.injector.ports import Cluster
from ooda.injector.probes.asking import Access, Endpoints, Logins
from ooda.injector.probes.interface import Probe
from ooda.injector.probes.outside import Outside
from ooda.injector.probes.watching import Cpu, NodeSteps, Pods, Replicas


def probe_of(api: Cluster, own: str, run: FaultRun, outside: Outside) -> Probe | None:
    """Return what looks for the effect of a run, whose journal is in namespace ``own``."""
    if run.effect is None:
        return None
    found: Probe
    match run.effect.probe:
        case PodsProbe() as probe:
            found = Pods(api, run.namespace, probe)
        case CpuProbe() as probe:
            found = Cpu(api, run.namespace, probe)
        case ReplicasProbe() as probe:
            found = Replicas(api, run.workload, probe)
        case EndpointsProbe() as probe:
            found = Endpoints(api, run.namespace, probe, outside.dial)
        case AccessProbe() as probe:
            found = Access(api, run.namespace, probe)
        case LoginProbe():
            found = Logins(Credentials(api, own, outside.database), run)
        case NodeProbe():
            found = NodeSteps(api, own, run.run_id)
    return found
