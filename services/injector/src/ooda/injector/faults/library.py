"""Which class does which mechanism."""

from collections.abc import Mapping

from ooda.injector.core.scenario import Mechanism
from ooda.injector.faults.containers import Clock, Crashes, FullVolume, MemoryLeak
from ooda.injector.faults.credential import Credential
from ooda.injector.faults.network import Cut, Latency, Lookups, PacketLoss, UnansweredCalls
from ooda.injector.faults.policies import NetworkPartition, Quota, RoleRules
from ooda.injector.faults.running import CpuLimit
from ooda.injector.faults.scene import Fault
from ooda.injector.faults.state import ConfigKey, PodKill, Replicas, ServicePort
from ooda.injector.faults.template import (
    Command,
    Image,
    MemoryLimit,
    NodeSelector,
    ReadinessPort,
)

FAULTS: Mapping[Mechanism, Fault] = {
    Mechanism.IMAGE: Image(),
    Mechanism.COMMAND: Command(),
    Mechanism.MEMORY_LIMIT: MemoryLimit(),
    Mechanism.READINESS_PORT: ReadinessPort(),
    Mechanism.NODE_SELECTOR: NodeSelector(),
    Mechanism.CONFIG_KEY: ConfigKey(),
    Mechanism.SERVICE_PORT: ServicePort(),
    Mechanism.REPLICAS: Replicas(),
    Mechanism.POD_KILL: PodKill(),
    Mechanism.CPU_LIMIT: CpuLimit(),
    Mechanism.CREDENTIAL: Credential(),
    Mechanism.NETWORK_POLICY: NetworkPartition(),
    Mechanism.ROLE_RULES: RoleRules(),
    Mechanism.QUOTA: Quota(),
    Mechanism.PACKET_LOSS: PacketLoss(),
    Mechanism.LATENCY: Latency(),
    Mechanism.CUT: Cut(),
    Mechanism.LOOKUPS: Lookups(),
    Mechanism.UNANSWERED_CALLS: UnansweredCalls(),
    Mechanism.CLOCK: Clock(),
    Mechanism.CRASHES: Crashes(),
    Mechanism.FULL_VOLUME: FullVolume(),
    Mechanism.LEAK: MemoryLeak(),
}
