"""The closed vocabularies: one spelling for detection, diagnosis, playbook, scenarios and scoring.

Pure: it imports the standard library only. A value that is published is a contract; values are
added, never renamed.
"""

from enum import StrEnum


class FailureClass(StrEnum):
    """What can be wrong with a component."""

    POD_KILLED = "pod_killed"
    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"
    IMAGE_PULL_FAILURE = "image_pull_failure"
    CONFIG_ERROR = "config_error"
    UNSCHEDULABLE = "unschedulable"
    PROBE_FAILURE = "probe_failure"
    REPLICA_SHORTFALL = "replica_shortfall"
    CPU_THROTTLING = "cpu_throttling"
    DISK_PRESSURE = "disk_pressure"
    NODE_NOT_READY = "node_not_ready"
    NETWORK_PARTITION = "network_partition"
    PACKET_LOSS = "packet_loss"
    LATENCY = "latency"
    SLOW_SERVER = "slow_server"
    DNS_FAILURE = "dns_failure"
    SERVICE_MISROUTED = "service_misrouted"
    DEPENDENCY_TIMEOUT = "dependency_timeout"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a class of failure
    INVALID_CREDENTIAL = "invalid_credential"
    PERMISSION_REVOKED = "permission_revoked"
    BAD_RELEASE = "bad_release"
    TRAFFIC_SURGE = "traffic_surge"
    QUOTA_EXCEEDED = "quota_exceeded"
    HEALTHY = "healthy"
    UNKNOWN = "unknown"


class EvidenceFamily(StrEnum):
    """Where a finding comes from. Findings of one family are not independent of each other."""

    OBJECT_STATE = "object_state"
    EVENTS = "events"
    LOGS = "logs"
    CLIENT_METRICS = "client_metrics"
    SERVER_METRICS = "server_metrics"
    RESOURCE_METRICS = "resource_metrics"
    ACTIVE_PROBE = "active_probe"
    RECENT_CHANGE = "recent_change"
    NODE = "node"
    IDENTITY = "identity"
    MODEL = "model"
    """What a language model concluded from the others. Never independent of them: it does not
    count among the families that agree or contradict."""


class Signal(StrEnum):
    """What an anomaly says of its target. Hard signals: pod and object state, flagged at once."""

    IMAGE_PULL = "image_pull"
    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"
    POD_LOST = "pod_lost"
    REPLICAS_SHORT = "replicas_short"
    CONTAINER_STUCK = "container_stuck"
    ENDPOINTS_LOST = "endpoints_lost"
    """A Service does not lead any more to the ready pods that it led to."""
    NODE_SILENT = "node_silent"
    ACCESS_DENIED = "access_denied"
    """A service account was denied what it might do before its rights were reduced."""


class Risk(StrEnum):
    """What an action may cost. It sets the confidence that is needed to act alone."""

    REVERSIBLE = "reversible"
    WIDE = "wide"
    IRREVERSIBLE = "irreversible"


class ActionKind(StrEnum):
    """A remediation by name; the playbook refers to it, the actor knows its steps."""

    ROLL_BACK_WORKLOAD = "roll_back_workload"
    ROLL_BACK_CONFIG_MAP = "roll_back_config_map"
    ROLL_BACK_SERVICE = "roll_back_service"
    RESTART_POD = "restart_pod"
    SCALE_TO_KNOWN_GOOD = "scale_to_known_good"
    RAISE_MEMORY_LIMIT = "raise_memory_limit"
    CORDON_NODE = "cordon_node"


class Mode(StrEnum):
    """How far the agent may go in a namespace; its label ``ooda.dev/mode``."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    AUTO = "auto"


class Verdict(StrEnum):
    """What the decider makes of a diagnosis."""

    ACT = "act"
    WAIT = "wait"
    REVIEW = "review"
    STAND_DOWN = "stand_down"


class Outcome(StrEnum):
    """How an action ended; the end states of the actor's machine."""

    KEPT = "kept"
    UNDONE = "undone"
    REFUSED = "refused"
    EXPIRED = "expired"
    CONFLICT = "conflict"
    UNDO_CONFLICT = "undo_conflict"
    NOT_HELPED = "not_helped"
    """It was carried out, did not help, and has no inverse (or undoing would restore the fault)."""


class Settlement(StrEnum):
    """What came of a person's answer to a review."""

    ACTING = "acting"
    REJECTED = "rejected"
    """It is a person's matter from now on."""
    VOID = "void"
    """What was approved is not what would be done now, or not on the object as it is now."""
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    """The question is not asked any more: another one is, or something else was decided."""
    ALREADY_ANSWERED = "already_answered"
    CLOSED = "closed"
    """The incident has ended."""
    UNKNOWN = "unknown"
    """There is no such review, or its incident ended long ago."""


class Closure(StrEnum):
    """How an incident ended."""

    RESOLVED = "resolved"
    CLEARED = "cleared"
    HANDED_OVER = "handed_over"
    MERGED = "merged"


class Source(StrEnum):
    """Where the observer's knowledge comes from; each has a freshness."""

    KUBERNETES = "kubernetes"
    PROMETHEUS = "prometheus"
