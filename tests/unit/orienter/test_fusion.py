"""Findings → diagnosis: the matrix of the specification, as far as its signals exist."""

from dataclasses import replace

import pytest

from factories.diagnosis import (
    CHECKOUT,
    DATABASE,
    FRONT,
    PAYMENT,
    WEIGHTS,
    about,
    anomaly,
    calls,
    case,
    change,
    saw,
    selects,
    tried,
    workload,
)
from ooda.common.findings import Finding
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Outcome, Signal
from ooda.orienter.core.findings import unavailable
from ooda.orienter.core.fusion import Case, blind, fuse
from ooda.orienter.core.signs import Sign

IMAGE = "spec.template.spec.containers[app].image"
LIMIT = "spec.template.spec.containers[app].resources.limits.memory"
COMMAND = "spec.template.spec.containers[app].command"


def changed(*fields: str, ago: float = 40) -> Finding:
    return saw("recent_changes", change=change(*fields, ago=ago))


NOTHING_CHANGED = saw("recent_changes")
PULL = [
    saw("inspect_workload", Sign.PULL_FAILING, Sign.ENOUGH_DESIRED),
    saw("describe_pod_events", Sign.EVENT_IMAGE_NOT_FOUND),
]
CRASH = [
    saw("inspect_workload", Sign.CRASH_BACK_OFF, Sign.ENDED_WITHOUT_OOM, Sign.ENOUGH_DESIRED),
    saw("describe_pod_events", Sign.EVENT_BACK_OFF),
]

KILLED = saw(
    "inspect_workload",
    Sign.CRASH_BACK_OFF,
    Sign.KILLED_FROM_OUTSIDE,
    Sign.ENDED_WITHOUT_OOM,
    Sign.ENOUGH_DESIRED,
)

LOST_ROUTE = anomaly(Signal.ENDPOINTS_LOST, FRONT)
ROUTE = change("spec.selector.app", target=FRONT)
MISROUTED = saw("check_service_endpoints", Sign.SERVICE_SELECTS_NOBODY, target=FRONT)
OOM = [
    saw("inspect_workload", Sign.OOM_KILLED, Sign.CRASH_BACK_OFF, Sign.ENOUGH_DESIRED),
    saw("describe_pod_events", Sign.EVENT_BACK_OFF),
]

CASES = {
    "image of a rollout cannot be pulled": (
        case([anomaly(Signal.IMAGE_PULL)], [*PULL, changed(IMAGE)]),
        FailureClass.IMAGE_PULL_FAILURE,
        CHECKOUT,
        0.95,
        True,
    ),
    "image cannot be pulled, nothing changed": (
        case([anomaly(Signal.IMAGE_PULL)], [*PULL, NOTHING_CHANGED]),
        FailureClass.IMAGE_PULL_FAILURE,
        CHECKOUT,
        0.9,
        False,
    ),
    "crash loop after a change of the command": (
        case([anomaly(Signal.CRASH_LOOP)], [*CRASH, changed(COMMAND)]),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.95,
        True,
    ),
    "crash loop, nothing changed, log silent": (
        case([anomaly(Signal.CRASH_LOOP)], [*CRASH, saw("get_pod_logs"), NOTHING_CHANGED]),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.97,
        False,
    ),
    "crash loop, nothing changed, its database is down": (
        case(
            [anomaly(Signal.CRASH_LOOP), anomaly(Signal.CRASH_LOOP, DATABASE, after=-2)],
            [
                *CRASH,
                saw("get_pod_logs", Sign.LOG_CONNECTION_REFUSED, points_at=(DATABASE,)),
                NOTHING_CHANGED,
                saw("inspect_workload", Sign.CRASH_BACK_OFF, target=DATABASE),
                saw("describe_pod_events", Sign.EVENT_BACK_OFF, target=DATABASE),
            ],
        ),
        FailureClass.CRASH_LOOP,
        DATABASE,
        0.9,
        False,
    ),
    "crash loop, its database was scaled away, known only by a finding": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                *CRASH,
                saw("get_pod_logs", Sign.LOG_CONNECTION_REFUSED, points_at=(DATABASE,)),
                NOTHING_CHANGED,
                saw("inspect_workload", Sign.DESIRED_BELOW_MINIMUM, target=DATABASE),
                saw(
                    "recent_changes",
                    target=DATABASE,
                    change=change("spec.replicas", target=DATABASE),
                ),
            ],
        ),
        FailureClass.REPLICA_SHORTFALL,
        DATABASE,
        0.9,
        True,
    ),
    "killed for memory, memory at its limit, log silent": (
        case(
            [anomaly(Signal.OOM_KILLED)],
            [*OOM, saw("check_memory", Sign.MEMORY_AT_LIMIT), saw("get_pod_logs"), NOTHING_CHANGED],
        ),
        FailureClass.OOM_KILLED,
        CHECKOUT,
        0.95,
        False,
    ),
    "killed for memory, no metrics": (
        case(
            [anomaly(Signal.OOM_KILLED)],
            [*OOM, unavailable(about("check_memory"), "no Prometheus"), NOTHING_CHANGED],
        ),
        FailureClass.OOM_KILLED,
        CHECKOUT,
        0.95,
        False,
    ),
    "killed for memory within a second, which no sample saw": (
        case(
            [anomaly(Signal.OOM_KILLED)],
            [*OOM, saw("check_memory", Sign.MEMORY_LOW), NOTHING_CHANGED],
        ),
        FailureClass.OOM_KILLED,
        CHECKOUT,
        0.9,
        False,
    ),
    "replicas killed for memory once each, no back-off yet": (
        case(
            [anomaly(Signal.OOM_KILLED)],
            [
                saw("inspect_workload", Sign.OOM_KILLED, Sign.ENOUGH_DESIRED),
                saw("check_memory", Sign.MEMORY_AT_LIMIT),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.OOM_KILLED,
        CHECKOUT,
        0.95,
        False,
    ),
    "killed for memory after the limit was lowered": (
        case([anomaly(Signal.OOM_KILLED)], [*OOM, changed(LIMIT)]),
        FailureClass.OOM_KILLED,
        CHECKOUT,
        0.95,
        True,
    ),
    "killed for memory while an unrelated label changed": (
        case([anomaly(Signal.OOM_KILLED)], [*OOM, changed("spec.template.metadata.labels.v")]),
        FailureClass.OOM_KILLED,
        CHECKOUT,
        0.95,
        False,
    ),
    "exit 137 again and again, no word of memory": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                saw(
                    "inspect_workload",
                    Sign.CRASH_BACK_OFF,
                    Sign.KILLED_FROM_OUTSIDE,
                    Sign.ENDED_WITHOUT_OOM,
                ),
                saw("describe_pod_events", Sign.EVENT_BACK_OFF),
                saw("check_memory", Sign.MEMORY_AT_LIMIT),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.9,
        False,
    ),
    "exit 137 again and again, and the kubelet says no more than that it was started": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                KILLED,
                saw("describe_pod_events", Sign.EVENT_STARTED_AGAIN),
                saw("check_memory", Sign.MEMORY_LOW),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.9,
        False,
    ),
    "exit 137 again and again, some minutes after a probe was changed, which ended nothing": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                KILLED,
                saw("describe_pod_events", Sign.EVENT_BACK_OFF, Sign.EVENT_NO_PROBE_KILL),
                saw("check_memory", Sign.MEMORY_LOW),
                changed("spec.template.spec.containers[app].startupProbe.exec", ago=250),
            ],
        ),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.9,
        False,
    ),
    "killed by its liveness probe": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                saw(
                    "inspect_workload",
                    Sign.CRASH_BACK_OFF,
                    Sign.KILLED_FROM_OUTSIDE,
                    Sign.ENDED_WITHOUT_OOM,
                ),
                saw("describe_pod_events", Sign.EVENT_LIVENESS_KILL, Sign.EVENT_BACK_OFF),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.PROBE_FAILURE,
        CHECKOUT,
        0.5,
        False,
    ),
    "pod deleted and replaced": (
        case(
            [anomaly(Signal.POD_LOST)],
            [
                saw("inspect_workload", Sign.POD_REPLACED, Sign.ENOUGH_DESIRED),
                saw("describe_pod_events", Sign.EVENT_POD_KILLED),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.POD_KILLED,
        CHECKOUT,
        0.9,
        False,
    ),
    "scaled to nothing": (
        case(
            [anomaly(Signal.REPLICAS_SHORT)],
            [
                saw("inspect_workload", Sign.DESIRED_BELOW_MINIMUM),
                saw("describe_pod_events", Sign.EVENT_SCALED_DOWN),
                changed("spec.replicas"),
            ],
        ),
        FailureClass.REPLICA_SHORTFALL,
        CHECKOUT,
        0.95,
        True,
    ),
    "scaled below the minimum, a pod went with it": (
        case(
            [anomaly(Signal.REPLICAS_SHORT), anomaly(Signal.POD_LOST)],
            [
                saw("inspect_workload", Sign.DESIRED_BELOW_MINIMUM, Sign.POD_NOT_REPLACED),
                saw("describe_pod_events", Sign.EVENT_POD_KILLED),
                changed("spec.replicas"),
            ],
        ),
        FailureClass.REPLICA_SHORTFALL,
        CHECKOUT,
        0.95,
        True,
    ),
    "scaled below the minimum, no event yet": (
        case(
            [anomaly(Signal.REPLICAS_SHORT)],
            [saw("inspect_workload", Sign.DESIRED_BELOW_MINIMUM), changed("spec.replicas")],
        ),
        FailureClass.REPLICA_SHORTFALL,
        CHECKOUT,
        0.95,
        True,
    ),
    "crash loop, nothing changed, no event yet, its log ends with an error": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [CRASH[0], saw("get_pod_logs", Sign.LOG_PANIC), NOTHING_CHANGED],
        ),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.95,
        False,
    ),
    "scaled down above the minimum": (
        case(
            [],
            [
                saw("inspect_workload", Sign.ALL_READY, Sign.ENOUGH_DESIRED),
                saw("describe_pod_events", Sign.EVENTS_QUIET),
                saw("check_service_endpoints", Sign.ENDPOINTS_READY),
                saw("query_error_rate", Sign.ERRORS_LOW),
                changed("spec.replicas"),
            ],
        ),
        FailureClass.HEALTHY,
        None,
        0.9,
        False,
    ),
    "callers crash because a dependency cannot pull its image": (
        case(
            [
                anomaly(Signal.IMAGE_PULL, PAYMENT),
                anomaly(Signal.CRASH_LOOP, CHECKOUT, after=3),
                anomaly(Signal.CRASH_LOOP, workload("storefront"), after=6),
            ],
            [
                saw("inspect_workload", Sign.PULL_FAILING, target=PAYMENT),
                saw("describe_pod_events", Sign.EVENT_IMAGE_NOT_FOUND, target=PAYMENT),
                saw("recent_changes", target=PAYMENT, change=change(IMAGE, target=PAYMENT)),
                *CRASH,
                NOTHING_CHANGED,
            ],
            calls(workload("storefront"), CHECKOUT),
            calls(CHECKOUT, PAYMENT),
        ),
        FailureClass.IMAGE_PULL_FAILURE,
        PAYMENT,
        0.95,
        True,
    ),
    "key of a ConfigMap is missing": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.CONFIG_MISSING),
                saw("describe_pod_events", Sign.EVENT_CONFIG_MISSING),
                changed("configmap/checkout.data.key"),
            ],
        ),
        FailureClass.CONFIG_ERROR,
        CHECKOUT,
        0.95,
        True,
    ),
    "a release wants a key that no ConfigMap has": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.CONFIG_MISSING),
                saw("describe_pod_events", Sign.EVENT_CONFIG_MISSING),
                changed("spec.template.spec.containers[app].env[LEVEL]"),
            ],
        ),
        FailureClass.CONFIG_ERROR,
        CHECKOUT,
        0.95,
        True,
    ),
    "a key is missing since before anything changed": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.CONFIG_MISSING),
                saw("describe_pod_events", Sign.EVENT_CONFIG_MISSING),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.CONFIG_ERROR,
        CHECKOUT,
        0.9,
        False,
    ),
    "a Service was told to select nobody": (
        case(
            [LOST_ROUTE],
            [MISROUTED, saw("recent_service_changes", target=FRONT, change=ROUTE)],
            selects("checkout", CHECKOUT),
        ),
        FailureClass.SERVICE_MISROUTED,
        FRONT,
        0.95,
        True,
    ),
    "a Service leads to a port that nobody has, and a caller crashes": (
        case(
            [LOST_ROUTE, anomaly(Signal.CRASH_LOOP, PAYMENT, after=3)],
            [
                saw(
                    "check_service_endpoints",
                    Sign.SERVICE_TARGETS_NO_PORT,
                    target=FRONT,
                ),
                saw("recent_service_changes", target=FRONT, change=ROUTE),
                saw("inspect_workload", Sign.CRASH_BACK_OFF, target=PAYMENT),
                saw("describe_pod_events", Sign.EVENT_BACK_OFF, target=PAYMENT),
                saw(
                    "get_pod_logs",
                    Sign.LOG_CONNECTION_REFUSED,
                    target=PAYMENT,
                    points_at=(FRONT,),
                ),
                saw("recent_changes", target=PAYMENT),
            ],
            selects("checkout", CHECKOUT),
        ),
        FailureClass.SERVICE_MISROUTED,
        FRONT,
        0.95,
        True,
    ),
    "a Service selects nobody, and was not changed": (
        case(
            [LOST_ROUTE],
            [MISROUTED, saw("recent_service_changes", target=FRONT)],
        ),
        FailureClass.SERVICE_MISROUTED,
        FRONT,
        0.8,
        False,
    ),
    "a quota is used up and a pod was lost": (
        case(
            [anomaly(Signal.POD_LOST)],
            [
                saw("inspect_workload", Sign.POD_NOT_REPLACED, Sign.QUOTA_DENIED),
                saw("describe_pod_events", Sign.EVENT_QUOTA),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.QUOTA_EXCEEDED,
        CHECKOUT,
        0.95,
        False,
    ),
    "a quota lets a release make no pod": (
        case(
            [anomaly(Signal.REPLICAS_SHORT)],
            [
                saw("inspect_workload", Sign.ENOUGH_DESIRED, Sign.QUOTA_DENIED, Sign.ROLLING_OUT),
                changed(IMAGE),
            ],
        ),
        FailureClass.QUOTA_EXCEEDED,
        CHECKOUT,
        0.9,
        False,
    ),
    "a release of which the API server takes no pod": (
        case(
            [anomaly(Signal.REPLICAS_SHORT)],
            [
                saw("inspect_workload", Sign.ENOUGH_DESIRED, Sign.POD_REFUSED, Sign.ROLLING_OUT),
                saw("describe_pod_events", Sign.EVENT_POD_REFUSED),
                changed("spec.template.spec.serviceAccountName"),
            ],
        ),
        FailureClass.CONFIG_ERROR,
        CHECKOUT,
        0.95,
        True,
    ),
    "no pod is taken any more, and the template is as it was": (
        case(
            [anomaly(Signal.REPLICAS_SHORT)],
            [
                saw("inspect_workload", Sign.ENOUGH_DESIRED, Sign.POD_REFUSED),
                saw("describe_pod_events", Sign.EVENT_POD_REFUSED),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.CONFIG_ERROR,
        CHECKOUT,
        0.9,
        False,
    ),
    "pods were deleted, and their successors crash since a ConfigMap changed": (
        case(
            [anomaly(Signal.POD_LOST), anomaly(Signal.CRASH_LOOP)],
            [
                saw("inspect_workload", Sign.ENOUGH_DESIRED, Sign.POD_REPLACED, Sign.CRASHED),
                saw("describe_pod_events", Sign.EVENT_BACK_OFF),
                changed("configmap/checkout.data.mode"),
            ],
        ),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.9,
        True,
    ),
    "a user that the kubelet does not let run": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.ENOUGH_DESIRED, Sign.CONFIG_MISSING, Sign.ROLLING_OUT),
                changed("spec.template.spec.securityContext.runAsNonRoot"),
            ],
        ),
        FailureClass.CONFIG_ERROR,
        CHECKOUT,
        0.95,
        True,
    ),
    "scaled below the minimum under a quota that has room": (
        case(
            [anomaly(Signal.REPLICAS_SHORT)],
            [
                saw("inspect_workload", Sign.DESIRED_BELOW_MINIMUM),
                saw("describe_pod_events", Sign.EVENT_SCALED_DOWN),
                changed("spec.replicas"),
            ],
        ),
        FailureClass.REPLICA_SHORTFALL,
        CHECKOUT,
        0.95,
        True,
    ),
    "requests fail since a release, older replicas are fine": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.ONLY_NEW_FAILS, Sign.ROLLING_OUT),
                saw("query_error_rate", Sign.ERRORS_HIGH),
                changed(IMAGE),
            ],
        ),
        FailureClass.BAD_RELEASE,
        CHECKOUT,
        0.9,
        True,
    ),
    "a release crashes, older replicas are fine: the crash says more": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                saw("inspect_workload", Sign.CRASH_BACK_OFF, Sign.ONLY_NEW_FAILS, Sign.ROLLING_OUT),
                saw("describe_pod_events", Sign.EVENT_BACK_OFF),
                saw("query_error_rate", Sign.ERRORS_HIGH),
                changed(IMAGE),
            ],
        ),
        FailureClass.CRASH_LOOP,
        CHECKOUT,
        0.9,
        True,
    ),
    "no node fits, and nothing changed": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.UNSCHEDULABLE),
                saw("describe_pod_events", Sign.EVENT_FAILED_SCHEDULING),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.UNSCHEDULABLE,
        CHECKOUT,
        0.9,
        False,
    ),
    "no node fits, and another image came with it": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.UNSCHEDULABLE, Sign.ROLLING_OUT),
                saw("describe_pod_events", Sign.EVENT_FAILED_SCHEDULING),
                changed(IMAGE),
            ],
        ),
        FailureClass.UNSCHEDULABLE,
        CHECKOUT,
        0.9,
        False,
    ),
    "a rollout with a probe to a wrong port": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.NEVER_READY, Sign.ROLLING_OUT),
                saw("describe_pod_events", Sign.EVENT_READINESS_FAILED),
                changed("spec.template.spec.containers[app].readinessProbe.httpGet.port", ago=90),
            ],
        ),
        FailureClass.PROBE_FAILURE,
        CHECKOUT,
        0.95,
        True,
    ),
    "alive and not ready, nothing changed, log silent": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.NEVER_READY),
                saw("describe_pod_events", Sign.EVENT_READINESS_FAILED),
                saw("get_pod_logs"),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.PROBE_FAILURE,
        CHECKOUT,
        0.9,
        False,
    ),
    "a lost pod whose successor is still starting": (
        case(
            [anomaly(Signal.POD_LOST)],
            [
                saw("inspect_workload", Sign.POD_REPLACED, Sign.ENOUGH_DESIRED),
                saw("describe_pod_events", Sign.EVENT_READINESS_FAILED),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.POD_KILLED,
        CHECKOUT,
        0.7,
        False,
    ),
    "no node fits": (
        case(
            [anomaly(Signal.CONTAINER_STUCK)],
            [
                saw("inspect_workload", Sign.UNSCHEDULABLE),
                saw("describe_pod_events", Sign.EVENT_FAILED_SCHEDULING),
                changed("spec.template.spec.nodeSelector"),
            ],
        ),
        FailureClass.UNSCHEDULABLE,
        CHECKOUT,
        0.95,
        True,
    ),
}


@pytest.mark.parametrize(
    ("given", "failure_class", "component", "at_least", "blames_change"), CASES.values(), ids=CASES
)
def test_diagnosis(
    given: Case,
    failure_class: FailureClass,
    component: object,
    at_least: float,
    blames_change: bool,  # noqa: FBT001 - a column of the matrix
) -> None:
    told = fuse(given, WEIGHTS)

    assert (told.failure_class, told.component) == (failure_class, component)
    assert told.confidence >= at_least
    assert (told.change is not None) == blames_change


NODE = NodeTarget(name="worker")
SILENT = anomaly(Signal.NODE_SILENT, NODE, node="worker")
STALE = saw("inspect_node", Sign.NODE_LEASE_STALE, target=NODE)

NODES = {
    "a node is silent, and does not answer Prometheus either": case(
        [SILENT],
        [
            STALE,
            saw("inspect_pods_of_node", target=NODE),
            saw("describe_node_events", target=NODE),
            saw("query_node_scrapes", Sign.NODE_SCRAPES_FAIL, target=NODE),
        ],
    ),
    "a node is silent, and the node controller has seen it": case(
        [SILENT],
        [
            saw("inspect_node", Sign.NODE_LEASE_STALE, Sign.NODE_CONDITION_BAD, target=NODE),
            saw("inspect_pods_of_node", Sign.NODE_PODS_UNREADY, target=NODE),
            saw("describe_node_events", Sign.EVENT_NODE_NOT_READY, target=NODE),
            unavailable(about("query_node_scrapes", NODE), "no Prometheus"),
        ],
    ),
    "a silent node takes two workloads with it": case(
        [
            SILENT,
            anomaly(Signal.REPLICAS_SHORT, after=45, node="worker"),
            anomaly(Signal.REPLICAS_SHORT, PAYMENT, after=46, node="worker"),
        ],
        [
            STALE,
            saw("inspect_pods_of_node", Sign.NODE_PODS_UNREADY, target=NODE),
            saw("query_node_scrapes", Sign.NODE_SCRAPES_FAIL, target=NODE),
            saw("inspect_workload", Sign.NEVER_READY, Sign.ENOUGH_DESIRED),
            saw("inspect_workload", Sign.ENOUGH_DESIRED, target=PAYMENT),
        ],
    ),
}


@pytest.mark.parametrize("given", NODES.values(), ids=NODES)
def test_a_lost_node(given: Case) -> None:
    told = fuse(given, WEIGHTS)

    assert (told.failure_class, told.component) == (FailureClass.NODE_NOT_READY, NODE)
    assert told.confidence >= 0.95
    assert len(told.agreeing) >= 2


UNSURE = {
    "a node's Lease alone is old": (
        case([SILENT], [STALE, saw("inspect_pods_of_node", target=NODE)]),
        FailureClass.NODE_NOT_READY,
    ),
    "a node's Lease is old, but its kubelet answers": (
        case([SILENT], [STALE, saw("query_node_scrapes", Sign.NODE_SCRAPED, target=NODE)]),
        None,
    ),
    "a node's Lease is fresh again": (
        case(
            [SILENT],
            [
                saw("inspect_node", Sign.NODE_LEASE_FRESH, target=NODE),
                saw("query_node_scrapes", Sign.NODE_SCRAPES_FAIL, target=NODE),
            ],
        ),
        FailureClass.UNKNOWN,
    ),
    "another node is silent than the one that the pods are on": (
        case(
            [SILENT, anomaly(Signal.REPLICAS_SHORT, node="other")],
            [
                saw("inspect_node", Sign.NODE_LEASE_STALE, target=NODE),
                saw("inspect_workload", Sign.ENOUGH_DESIRED),
            ],
        ),
        None,
    ),
    "pull fails on one node only": (
        case(
            [anomaly(Signal.IMAGE_PULL)],
            [
                saw("inspect_workload", Sign.PULL_FAILING_ON_ONE_NODE, Sign.ENOUGH_DESIRED),
                saw("describe_pod_events", Sign.EVENT_PULL_FAILED),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.UNKNOWN,
    ),
    "no tool could look": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                unavailable(about(tool), "timed out")
                for tool in ("inspect_workload", "get_pod_logs")
            ],
        ),
        FailureClass.UNKNOWN,
    ),
    "every tool looked and has no opinion": (
        case([anomaly(Signal.CRASH_LOOP)], [saw("inspect_workload"), saw("get_pod_logs")]),
        FailureClass.UNKNOWN,
    ),
    "the log says out of memory, the kernel does not": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                saw("inspect_workload", Sign.CRASHED, Sign.ENDED_WITHOUT_OOM),
                saw("get_pod_logs", Sign.LOG_OUT_OF_MEMORY),
                NOTHING_CHANGED,
            ],
        ),
        None,
    ),
    "the dependency that a log names is fine": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [
                *CRASH,
                saw("get_pod_logs", Sign.LOG_CONNECTION_REFUSED, points_at=(DATABASE,)),
                NOTHING_CHANGED,
                saw("inspect_workload", Sign.ALL_READY, target=DATABASE),
            ],
        ),
        None,
    ),
    "crash loop, nothing changed, neither an event nor a log": (
        case([anomaly(Signal.CRASH_LOOP)], [CRASH[0], saw("get_pod_logs"), NOTHING_CHANGED]),
        FailureClass.CRASH_LOOP,
    ),
    "killed for memory, seen by the state alone": (
        case([anomaly(Signal.OOM_KILLED)], [OOM[0], NOTHING_CHANGED]),
        FailureClass.OOM_KILLED,
    ),
    "killed for memory without a limit: the node's memory ran out": (
        case(
            [anomaly(Signal.OOM_KILLED)],
            [
                saw("inspect_workload", Sign.OOM_WITHOUT_LIMIT, Sign.CRASH_BACK_OFF),
                saw("describe_pod_events", Sign.EVENT_BACK_OFF),
                NOTHING_CHANGED,
            ],
        ),
        FailureClass.OOM_KILLED,
    ),
    "one container is killed for memory, another crashes by itself": (
        case(
            [anomaly(Signal.OOM_KILLED), anomaly(Signal.CRASH_LOOP, after=1)],
            [
                saw(
                    "inspect_workload",
                    Sign.OOM_KILLED,
                    Sign.CRASH_BACK_OFF,
                    Sign.ENDED_WITHOUT_OOM,
                ),
                saw("describe_pod_events", Sign.EVENT_BACK_OFF),
                saw("check_memory", Sign.MEMORY_LOW),
                NOTHING_CHANGED,
            ],
        ),
        None,
    ),
    "what was tried did not help": (
        case(
            [anomaly(Signal.CRASH_LOOP)],
            [*CRASH, NOTHING_CHANGED],
            tried=(tried(FailureClass.CRASH_LOOP),),
        ),
        FailureClass.UNKNOWN,
    ),
}


@pytest.mark.parametrize(("given", "failure_class"), UNSURE.values(), ids=UNSURE)
def test_too_unsure_to_act(given: Case, failure_class: FailureClass | None) -> None:
    told = fuse(given, WEIGHTS)

    if failure_class is not None:
        assert told.failure_class is failure_class
    assert told.failure_class is FailureClass.UNKNOWN or told.confidence < 0.95


NEAR_MISSES = {
    "requests fail, and nothing was released": case(
        [anomaly(Signal.CONTAINER_STUCK)],
        [saw("inspect_workload"), saw("query_error_rate", Sign.ERRORS_HIGH), NOTHING_CHANGED],
    ),
    "a release in which no request fails": case(
        [anomaly(Signal.CONTAINER_STUCK)],
        [
            saw("inspect_workload", Sign.ROLLING_OUT),
            saw("query_error_rate", Sign.ERRORS_LOW),
            changed(IMAGE),
        ],
    ),
    "a quota denied a pod a while ago, and all are ready": case(
        [anomaly(Signal.POD_LOST)],
        [
            saw("inspect_workload", Sign.ALL_READY, Sign.ENOUGH_DESIRED),
            saw("describe_pod_events", Sign.EVENT_QUOTA),
            NOTHING_CHANGED,
        ],
    ),
    "a Service has no endpoints, and what it served is gone": case(
        [LOST_ROUTE],
        [
            saw("check_service_endpoints", target=FRONT),
            saw("recent_service_changes", target=FRONT, change=ROUTE),
        ],
    ),
    "a Service was changed and leads to ready pods": case(
        [LOST_ROUTE],
        [
            saw("check_service_endpoints", Sign.ENDPOINTS_READY, target=FRONT),
            saw(
                "recent_service_changes",
                target=FRONT,
                change=change("spec.sessionAffinity", target=FRONT),
            ),
        ],
    ),
    "a log says that configuration is missing, the kubelet starts it": case(
        [anomaly(Signal.CRASH_LOOP)],
        [
            saw("inspect_workload", Sign.CRASHED),
            saw("get_pod_logs", Sign.LOG_CONFIG_MISSING),
            NOTHING_CHANGED,
        ],
    ),
    "no node fits yet, an autoscaler makes one": case(
        [anomaly(Signal.CONTAINER_STUCK)],
        [
            saw("inspect_workload", Sign.UNSCHEDULABLE),
            saw(
                "describe_pod_events",
                Sign.EVENT_FAILED_SCHEDULING,
                Sign.EVENT_NODE_COMING,
            ),
            NOTHING_CHANGED,
        ],
    ),
    "alive and not ready, its log cannot reach a server": case(
        [anomaly(Signal.CONTAINER_STUCK)],
        [
            saw("inspect_workload", Sign.NEVER_READY),
            saw("describe_pod_events", Sign.EVENT_READINESS_FAILED),
            saw("get_pod_logs", Sign.LOG_CONNECTION_REFUSED),
            NOTHING_CHANGED,
        ],
    ),
    "alive and not ready, no event of the kubelet": case(
        [anomaly(Signal.CONTAINER_STUCK)], [saw("inspect_workload", Sign.NEVER_READY)]
    ),
}


@pytest.mark.parametrize("given", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_what_only_looks_like_it_is_below_what_is_acted_on(given: Case) -> None:
    assert fuse(given, WEIGHTS).confidence < 0.90


@pytest.mark.parametrize(
    ("outcome", "weighs"),
    [(Outcome.NOT_HELPED, True), (Outcome.UNDONE, True), (Outcome.EXPIRED, False)],
)
def test_only_what_was_carried_out_weighs_against_its_class(
    outcome: Outcome, *, weighs: bool
) -> None:
    given = case([anomaly(Signal.CRASH_LOOP)], [*CRASH, NOTHING_CHANGED])
    again = replace(given, tried=(tried(FailureClass.CRASH_LOOP, outcome=outcome),))

    assert (fuse(again, WEIGHTS) != fuse(given, WEIGHTS)) is weighs


def test_families_that_agree_are_told_with_the_change_among_them() -> None:
    told = fuse(CASES["image of a rollout cannot be pulled"][0], WEIGHTS)

    assert set(told.agreeing) == {
        EvidenceFamily.OBJECT_STATE,
        EvidenceFamily.EVENTS,
        EvidenceFamily.RECENT_CHANGE,
    }
    assert told.contradicting == ()


def test_an_image_pull_is_not_blamed_on_a_new_label() -> None:
    label = changed("spec.template.metadata.labels.version")

    told = fuse(case([anomaly(Signal.IMAGE_PULL)], [*PULL, label]), WEIGHTS)

    assert told.failure_class is FailureClass.IMAGE_PULL_FAILURE
    assert told.change is None
    assert EvidenceFamily.RECENT_CHANGE not in told.agreeing


def test_of_several_changes_only_those_that_can_cause_it_are_blamed() -> None:
    both = changed(IMAGE, "spec.template.metadata.labels.version", "configmap/checkout.data.key")

    told = fuse(case([anomaly(Signal.IMAGE_PULL)], [*PULL, both]), WEIGHTS)

    assert told.change is not None
    assert told.change.fields == (IMAGE,)


@pytest.mark.parametrize(
    ("ago", "credible"),
    [(5, True), (500, True), (700, False), (-3, True), (-30, False)],
    ids=["just before", "minutes before", "too long ago", "clock in seconds", "after the onset"],
)
def test_when_a_change_is_credible(ago: float, credible: bool) -> None:  # noqa: FBT001 - a column of the matrix
    found = changed(IMAGE, ago=ago)

    told = fuse(case([anomaly(Signal.IMAGE_PULL)], [*PULL, found]), WEIGHTS)

    assert (told.change is not None) == credible


def test_what_was_started_does_not_lack_what_it_refers_to() -> None:
    """Its memory was changed lately, which a LimitRange may have refused; but it runs, and ends."""
    resources = changed("spec.template.spec.containers[app].resources.limits.memory")

    told = fuse(case([anomaly(Signal.CRASH_LOOP)], [*CRASH, resources]), WEIGHTS)

    assert (told.failure_class, told.component) == (FailureClass.CRASH_LOOP, CHECKOUT)
    assert told.confidence > 0.9


def test_crash_of_a_caller_does_not_explain_its_dependency() -> None:
    given = case(
        [anomaly(Signal.CRASH_LOOP), anomaly(Signal.CRASH_LOOP, PAYMENT)],
        [
            *CRASH,
            saw("inspect_workload", Sign.CRASH_BACK_OFF, target=PAYMENT),
            saw("describe_pod_events", Sign.EVENT_BACK_OFF, target=PAYMENT),
        ],
        calls(CHECKOUT, PAYMENT),
    )

    told = fuse(given, WEIGHTS)

    assert told.component == PAYMENT
    own = next(each for each in told.hypotheses if each.component == CHECKOUT)
    assert len(own.unexplained) == 1


def test_blind_is_unknown_without_any_confidence() -> None:
    told = blind()

    assert told.failure_class is FailureClass.UNKNOWN
    assert told.confidence == 0.0


def test_margin_is_the_distance_to_another_action_not_to_another_class() -> None:
    """For a failing probe and for a crash a pod is restarted: only what is not known differs."""
    told = fuse(CASES["killed by its liveness probe"][0], WEIGHTS)

    assert [each.failure_class for each in told.hypotheses[:3]] == [
        FailureClass.PROBE_FAILURE,
        FailureClass.CRASH_LOOP,
        FailureClass.UNKNOWN,
    ]
    assert told.margin == pytest.approx(told.confidence - told.hypotheses[2].probability)
