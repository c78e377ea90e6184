"""What a rule can see, by name. What each sign is worth is data (``weights.yaml``)."""

from enum import StrEnum


class Sign(StrEnum):
    """One fact that speaks for or against failure classes of the target it was seen on."""

    # object state
    PULL_FAILING = "pull_failing"
    PULL_FAILING_ON_ONE_NODE = "pull_failing_on_one_node"
    """While the very same image was pulled on another node."""
    CRASH_BACK_OFF = "crash_back_off"
    CRASHED = "crashed"
    KILLED_FROM_OUTSIDE = "killed_from_outside"
    """Exit by SIGKILL or SIGTERM that the kernel's memory killer did not send."""
    OOM_KILLED = "oom_killed"
    OOM_WITHOUT_LIMIT = "oom_without_limit"
    """Killed for memory though it has no limit of its own: the node ran out of it."""
    ENDED_WITHOUT_OOM = "ended_without_oom"
    CONFIG_MISSING = "config_missing"
    UNSCHEDULABLE = "unschedulable"
    NEVER_READY = "never_ready"
    DESIRED_BELOW_MINIMUM = "desired_below_minimum"
    ENOUGH_DESIRED = "enough_desired"
    POD_REPLACED = "pod_replaced"
    POD_NOT_REPLACED = "pod_not_replaced"
    ROLLING_OUT = "rolling_out"
    QUOTA_DENIED = "quota_denied"
    ALL_READY = "all_ready"
    # events
    EVENT_IMAGE_NOT_FOUND = "event_image_not_found"
    EVENT_PULL_FAILED = "event_pull_failed"
    EVENT_REGISTRY_UNREACHABLE = "event_registry_unreachable"
    EVENT_BACK_OFF = "event_back_off"
    EVENT_LIVENESS_KILL = "event_liveness_kill"
    EVENT_READINESS_FAILED = "event_readiness_failed"
    EVENT_CONFIG_MISSING = "event_config_missing"
    EVENT_FAILED_SCHEDULING = "event_failed_scheduling"
    EVENT_QUOTA = "event_quota"
    EVENT_SCALED_DOWN = "event_scaled_down"
    EVENT_POD_KILLED = "event_pod_killed"
    EVENT_EVICTED = "event_evicted"
    EVENTS_QUIET = "events_quiet"
    # logs
    LOG_CONNECTION_REFUSED = "log_connection_refused"
    LOG_PANIC = "log_panic"
    LOG_OUT_OF_MEMORY = "log_out_of_memory"
    LOG_PERMISSION_DENIED = "log_permission_denied"
    LOG_NO_SUCH_FILE = "log_no_such_file"
    LOG_CONFIG_MISSING = "log_config_missing"
    # resources
    MEMORY_AT_LIMIT = "memory_at_limit"
    MEMORY_LOW = "memory_low"
    # Services and requests
    ENDPOINTS_READY = "endpoints_ready"
    ENDPOINTS_EMPTY_THOUGH_READY = "endpoints_empty_though_ready"
    ERRORS_LOW = "errors_low"
    ERRORS_HIGH = "errors_high"
