"""Facts → signs: what each tool sees, as a matrix."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from factories.cluster_objects import (
    Json,
    container_status,
    deployment,
    endpoint_slice,
    event,
    owns,
    pod,
    replica_set,
    stamp,
    template,
)
from factories.diagnosis import CHECKOUT, FRONT, WEIGHTS
from factories.events import NAMESPACE, NOW
from ooda.common.known_good import KnownGoodSpec
from ooda.common.pod_templates import config_maps_of
from ooda.common.taxonomy import EvidenceFamily, FailureClass
from ooda.orienter.core.findings import About, Seen, finding
from ooda.orienter.core.objects import event_of, pod_of, workload_of
from ooda.orienter.core.rules_changes import (
    ChangeFacts,
    recent_change,
    recent_service_change,
)
from ooda.orienter.core.rules_events import read_events
from ooda.orienter.core.rules_logs import read_logs, server_named
from ooda.orienter.core.rules_services import (
    PROFILES,
    Routing,
    error_query,
    read_endpoints,
    read_error_rate,
    read_routing,
)
from ooda.orienter.core.rules_state import WorkloadState, inspect_state
from ooda.orienter.core.signs import Sign


def inspect(
    pods: Sequence[Json], workload: Json | None = None, *, minimum: int = 1, **given: Any
) -> set[Sign]:
    read = workload or deployment()
    state = WorkloadState(
        workload_of(read["kind"], read),
        [pod_of(each) for each in pods],
        NOW,
        minimum,
        **given,
    )
    return set(inspect_state(state).signs) - {Sign.ENOUGH_DESIRED}


FAILING = container_status(image="shop:none", waiting="ImagePullBackOff")

STATES = {
    "healthy": ([pod()], {Sign.ALL_READY}),
    "image cannot be pulled": ([pod("a", FAILING, ready=False)], {Sign.PULL_FAILING}),
    "image name is nonsense": (
        [pod("a", container_status(waiting="InvalidImageName"), ready=False)],
        {Sign.PULL_FAILING},
    ),
    "back-off after exit 1": (
        [pod("a", container_status(waiting="CrashLoopBackOff", ended=1, restarts=3), ready=False)],
        {Sign.CRASH_BACK_OFF, Sign.ENDED_WITHOUT_OOM},
    ),
    "back-off after the kernel's memory killer": (
        [
            pod(
                "a",
                container_status(
                    waiting="CrashLoopBackOff", ended=137, reason="OOMKilled", restarts=3
                ),
                ready=False,
            )
        ],
        {Sign.CRASH_BACK_OFF, Sign.OOM_KILLED},
    ),
    "back-off after a kill from outside": (
        [
            pod(
                "a",
                container_status(waiting="CrashLoopBackOff", ended=137, restarts=3),
                ready=False,
            )
        ],
        {Sign.CRASH_BACK_OFF, Sign.KILLED_FROM_OUTSIDE, Sign.ENDED_WITHOUT_OOM},
    ),
    "restarted once, running and ready again": (
        [pod("a", container_status(restarts=1) | {"lastState": {"terminated": {"exitCode": 1}}})],
        {Sign.ALL_READY},
    ),
    "restarted often, long ago": (
        [
            pod(
                "a",
                container_status(restarts=9)
                | {
                    "lastState": {
                        "terminated": {"exitCode": 1, "finishedAt": "2026-11-24T00:00:00Z"}
                    }
                },
            )
        ],
        {Sign.ALL_READY},
    ),
    "configuration is missing": (
        [pod("a", container_status(waiting="CreateContainerConfigError"), ready=False)],
        {Sign.CONFIG_MISSING},
    ),
    "no node fits": ([pod("a", ready=False, node=None, unschedulable=True)], {Sign.UNSCHEDULABLE}),
    "only pods of the newest template fail": (
        [
            pod("a", container_status(waiting="CrashLoopBackOff", ended=1), ready=False),
            pod("b", template_hash="old"),
        ],
        {Sign.CRASH_BACK_OFF, Sign.ENDED_WITHOUT_OOM, Sign.ROLLING_OUT, Sign.ONLY_NEW_FAILS},
    ),
    "pods of both templates fail": (
        [
            pod("a", container_status(waiting="CrashLoopBackOff", ended=1), ready=False),
            pod("b", template_hash="old"),
            pod(
                "c",
                container_status(waiting="CrashLoopBackOff", ended=1),
                ready=False,
                template_hash="old",
            ),
        ],
        {Sign.CRASH_BACK_OFF, Sign.ENDED_WITHOUT_OOM, Sign.ROLLING_OUT},
    ),
    "alive, and still starting": (
        [
            pod(
                "a",
                container_status() | {"state": {"running": {"startedAt": stamp(-20)}}},
                ready=False,
            )
        ],
        set(),
    ),
    "alive, and never ready": ([pod("a", ready=False)], {Sign.NEVER_READY}),
}


@pytest.mark.parametrize(("pods", "signs"), STATES.values(), ids=STATES)
def test_state(pods: list[Json], signs: set[Sign]) -> None:
    assert inspect(pods) == signs


def test_an_image_that_runs_on_another_node_is_not_the_image() -> None:
    failing = [pod("a", FAILING, ready=False, node="worker2")]
    elsewhere = frozenset({("shop:none", "worker")})

    assert inspect(failing, pulled_elsewhere=elsewhere) == {Sign.PULL_FAILING_ON_ONE_NODE}
    same_node = frozenset({("shop:none", "worker2")})
    assert inspect(failing, pulled_elsewhere=same_node) == {Sign.PULL_FAILING}
    other_image = frozenset({("shop:1", "worker")})
    assert inspect(failing, pulled_elsewhere=other_image) == {Sign.PULL_FAILING}


def test_images_are_compared_as_the_template_names_them() -> None:
    resolved = pod("a", container_status(image="docker.io/library/shop@sha256:0"))
    resolved["spec"]["containers"] = [{"name": "app", "image": "shop:1"}]

    assert pod_of(resolved).containers[0].image == "shop:1"


@pytest.mark.parametrize(
    ("replicas", "minimum", "short"),
    [(0, 1, True), (1, 2, True), (1, 1, False), (3, 2, False)],
    ids=["nothing", "below the minimum", "at the minimum", "above"],
)
def test_replicas_are_compared_with_the_minimum(
    replicas: int,
    minimum: int,
    short: bool,  # noqa: FBT001 - a column of the matrix
) -> None:
    pods = [pod(f"checkout-{n}") for n in range(replicas)]

    signs = inspect(pods, deployment(replicas=replicas), minimum=minimum)

    assert (Sign.DESIRED_BELOW_MINIMUM in signs) == short
    assert (Sign.ALL_READY in signs) != short


def leaving(name: str) -> Json:
    found = pod(name)
    found["metadata"]["deletionTimestamp"] = stamp(-1)
    return found


LOST = {
    "replaced": ([pod("new")], deployment(), {Sign.POD_REPLACED, Sign.ALL_READY}),
    "not replaced yet": ([], deployment(ready=0), {Sign.POD_NOT_REPLACED}),
    "leaving, not replaced yet": ([leaving("old")], deployment(ready=0), {Sign.POD_NOT_REPLACED}),
    "leaving, and to be replaced then": (
        [leaving("old")],
        deployment(ready=0) | {"kind": "StatefulSet"},
        set(),
    ),
    "still there": ([pod("old")], deployment(), {Sign.ALL_READY}),
    "scaled away": ([], deployment(replicas=0), {Sign.DESIRED_BELOW_MINIMUM}),
    "gone in a rollout": (
        [pod("new"), pod("other", template_hash="old")],
        deployment(replicas=2, updated=1),
        {Sign.POD_REPLACED, Sign.ROLLING_OUT},
    ),
}


def test_what_is_left_below_the_minimum_replaces_nothing() -> None:
    left = inspect([pod("left")], deployment(replicas=1), minimum=2, lost_pod="old")

    assert left == {Sign.DESIRED_BELOW_MINIMUM, Sign.POD_NOT_REPLACED}


@pytest.mark.parametrize(("pods", "workload", "signs"), LOST.values(), ids=LOST)
def test_a_lost_pod(pods: list[Json], workload: Json, signs: set[Sign]) -> None:
    seen = inspect(pods, workload, lost_pod="old")

    assert seen - {Sign.ALL_READY} == signs - {Sign.ALL_READY}


DENIALS = {
    "quota": ('pods "x" is forbidden: exceeded quota: small', Sign.QUOTA_DENIED),
    "account": (
        'pods "x-" is forbidden: error looking up service account a/b: it was not found',
        Sign.POD_REFUSED,
    ),
    "security": (
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
        Sign.POD_REFUSED,
    ),
    "policy": ('admission webhook "p.example" denied the request: no latest', Sign.POD_REFUSED),
    "schema": ('Pod "x" is invalid: spec.containers[0].image: Required value', Sign.POD_REFUSED),
    "webhook away": (
        'Internal error occurred: failed calling webhook "p.example": connection refused',
        None,
    ),
    "namespace goes": (
        'pods "x" is forbidden: namespace a cannot take it because it is being terminated',
        None,
    ),
}


@pytest.mark.parametrize(("message", "sign"), DENIALS.values(), ids=DENIALS)
def test_why_no_pod_may_be_made_is_read_from_the_condition(message: str, sign: Sign | None) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    seen = inspect([], deployment(ready=0, conditions=[condition]))

    assert seen & {Sign.QUOTA_DENIED, Sign.POD_REFUSED} == ({sign} if sign else set())


EVENTS = {
    "no such tag": (
        "Failed",
        'Failed to pull image "shop:x": not found',
        Sign.EVENT_IMAGE_NOT_FOUND,
    ),
    "registry away": (
        "Failed",
        'Failed to pull image "shop:1": dial tcp 10.0.0.1:5000: i/o timeout',
        Sign.EVENT_REGISTRY_UNREACHABLE,
    ),
    "pull back-off": ("BackOff", 'Back-off pulling image "shop:x"', Sign.EVENT_PULL_FAILED),
    "crash back-off": (
        "BackOff",
        "Back-off restarting failed container app in pod x",
        Sign.EVENT_BACK_OFF,
    ),
    "killed by liveness": (
        "Killing",
        "Container app failed liveness probe, will be restarted",
        Sign.EVENT_LIVENESS_KILL,
    ),
    "killed at its start": (
        "Killing",
        "Container app failed startup probe, will be restarted",
        Sign.EVENT_LIVENESS_KILL,
    ),
    "still starting": ("Unhealthy", "Startup probe failed: connection refused", None),
    "not ready": ("Unhealthy", "Readiness probe failed: 404", Sign.EVENT_READINESS_FAILED),
    "a user that may not run": (
        "Failed",
        "Error: container has runAsNonRoot and image will run as root",
        Sign.EVENT_CONFIG_MISSING,
    ),
    "no key": (
        "Failed",
        "Error: couldn't find key LEVEL in ConfigMap shop/checkout",
        Sign.EVENT_CONFIG_MISSING,
    ),
    "no key to mount": (
        "FailedMount",
        'MountVolume.SetUp failed for volume "c" : references non-existent config key: LEVEL',
        Sign.EVENT_CONFIG_MISSING,
    ),
    "a volume that is slow": ("FailedMount", "timed out waiting for the condition", None),
    "no node": ("FailedScheduling", "0/3 nodes are available", Sign.EVENT_FAILED_SCHEDULING),
    "a node is made": ("TriggeredScaleUp", "pod triggered scale-up", Sign.EVENT_NODE_COMING),
    "quota": ("FailedCreate", "forbidden: exceeded quota: small", Sign.EVENT_QUOTA),
    "refused": ("FailedCreate", 'pods "x" is forbidden: no account', Sign.EVENT_POD_REFUSED),
    "scaled to nothing": (
        "ScalingReplicaSet",
        "Scaled down replica set checkout-1 from 3 to 0",
        Sign.EVENT_SCALED_DOWN,
    ),
    "deleted": ("Killing", "Stopping container app", Sign.EVENT_POD_KILLED),
    "evicted": ("Evicted", "The node was low on resource", Sign.EVENT_EVICTED),
    "as usual": ("Started", "Started container app", Sign.EVENTS_QUIET),
    "words that name a class": ("Note", "OOMKilled CrashLoopBackOff delete namespace", None),
}


@pytest.mark.parametrize(("reason", "note", "sign"), EVENTS.values(), ids=EVENTS)
def test_events(reason: str, note: str, sign: Sign | None) -> None:
    seen = read_events([event_of(event(reason, note))], NOW)

    assert set(seen.signs) - {Sign.EVENT_NO_PROBE_KILL} == ({sign} if sign else set())


@pytest.mark.parametrize("killed", [True, False])
def test_the_kubelet_says_if_a_probe_ended_what_was_started_again(*, killed: bool) -> None:
    said = [event_of(event("BackOff", "Back-off restarting failed container app in pod x"))]
    if killed:
        note = "Container app failed startup probe, will be restarted"
        said.append(event_of(event("Killing", note)))

    assert (Sign.EVENT_NO_PROBE_KILL in read_events(said, NOW).signs) is not killed


def test_a_pod_that_was_told_to_stop_need_not_be_ready() -> None:
    stopped = [
        event_of(event("Unhealthy", "Readiness probe failed: connection refused")),
        event_of(event("Killing", "Stopping container app")),
    ]

    assert set(read_events(stopped, NOW).signs) == {Sign.EVENT_POD_KILLED}


def test_a_rollout_takes_the_old_replica_set_down() -> None:
    rollout = [
        event_of(event("ScalingReplicaSet", "Scaled up replica set checkout-2 from 0 to 1")),
        event_of(event("ScalingReplicaSet", "Scaled down replica set checkout-1 from 1 to 0")),
    ]

    assert Sign.EVENT_SCALED_DOWN not in read_events(rollout, NOW).signs


def scaling(*told: str, reason: str = "ScalingReplicaSet") -> Seen:
    """Give what is seen of these, each a second after the one before."""
    events = [
        replace(
            event_of(event(reason, note)),
            last_at=NOW - dt.timedelta(seconds=len(told) - index),
        )
        for index, note in enumerate(told)
    ]
    return read_events(list(reversed(events)), NOW)


def test_scaled_to_nothing_after_a_release_that_was_rolled_back() -> None:
    seen = scaling(
        "Scaled up replica set checkout-1 from 0 to 2",
        "Scaled up replica set checkout-2 from 0 to 1",
        "Scaled down replica set checkout-2 from 1 to 0",
        "Scaled down replica set checkout-1 from 2 to 0",
    )
    assert set(seen.signs) == {Sign.EVENT_SCALED_DOWN}


def test_scaled_to_nothing_after_so_much_that_it_is_told_as_one() -> None:
    seen = scaling(
        "Scaled up replica set checkout-1 from 0 to 2",
        "(combined from similar events): Scaled down replica set checkout-1 from 2 to 0",
    )
    assert set(seen.signs) == {Sign.EVENT_SCALED_DOWN}


def test_a_stateful_set_scaled_to_nothing() -> None:
    made = "create Pod db-0 in StatefulSet db successful"
    gone = [f"delete Pod db-{each} in StatefulSet db successful" for each in (1, 0)]
    assert set(scaling(made, *gone, reason="SuccessfulDelete").signs) == {Sign.EVENT_SCALED_DOWN}
    assert Sign.EVENT_SCALED_DOWN not in scaling(*gone, made, reason="SuccessfulDelete").signs


def test_what_was_scaled_up_again_is_not_at_nothing() -> None:
    seen = scaling(
        "Scaled down replica set checkout-1 from 2 to 0",
        "Scaled up replica set checkout-1 from 0 to 2",
    )
    assert Sign.EVENT_SCALED_DOWN not in seen.signs


@pytest.mark.parametrize(("times", "again"), [(1, False), (2, False), (3, True), (7, True)])
def test_starts_are_counted_where_the_kubelet_leaves_out_the_back_off(
    times: int, *, again: bool
) -> None:
    started = event("Started", "Container started") | {"deprecatedCount": times}
    seen = read_events([event_of(started)], NOW)
    assert (Sign.EVENT_STARTED_AGAIN in seen.signs) is again
    assert (Sign.EVENTS_QUIET in seen.signs) is not again


def test_a_back_off_says_all_that_the_starts_say() -> None:
    started = event("Started", "Container started") | {"deprecatedCount": 5}
    back_off = event("BackOff", "Back-off restarting failed container app in pod x")
    seen = read_events([event_of(started), event_of(back_off)], NOW)
    assert set(seen.signs) == {Sign.EVENT_BACK_OFF, Sign.EVENT_NO_PROBE_KILL}


def test_a_process_that_has_ended_answers_no_probe() -> None:
    seen = read_events(
        [
            event_of(event("BackOff", "Back-off restarting failed container app in pod x")),
            event_of(event("Unhealthy", "Readiness probe failed: connection refused")),
        ],
        NOW,
    )

    assert Sign.EVENT_BACK_OFF in seen.signs
    assert Sign.EVENT_READINESS_FAILED not in seen.signs


def test_old_events_are_history() -> None:
    old = event_of(event("BackOff", "Back-off restarting failed container", at=-700))

    assert read_events([old], NOW).signs == {Sign.EVENTS_QUIET}


LOGS = {
    "refused": (
        "dial tcp orders-db:5432: connect: connection refused",
        Sign.LOG_CONNECTION_REFUSED,
    ),
    "python panic": ("Traceback (most recent call last):", Sign.LOG_PANIC),
    "go panic": ("panic: runtime error: index out of range", Sign.LOG_PANIC),
    "java memory": ("java.lang.OutOfMemoryError: Java heap space", Sign.LOG_OUT_OF_MEMORY),
    "no file": ("open /etc/app.yaml: no such file or directory", Sign.LOG_NO_SUCH_FILE),
    "no permission": ("open /data: permission denied", Sign.LOG_PERMISSION_DENIED),
    "no variable": ("environment variable ORDERS_URL is required", Sign.LOG_CONFIG_MISSING),
    "hostile": ("diagnosis: delete namespace; OOMKilled; CrashLoopBackOff", None),
    "a request": ("GET /pay 200", None),
}


@pytest.mark.parametrize(("line", "sign"), LOGS.values(), ids=LOGS)
def test_logs(line: str, sign: Sign | None) -> None:
    assert set(read_logs([line]).seen.signs) == ({sign} if sign else set())


REFUSALS = {
    "go": "dial tcp orders-db:5432: connect: connection refused",
    "psycopg": 'connection to server at "orders-db" (10.0.0.9), port 5 failed: Connection refused',
    "url": "http://orders-db:80/health: Connection refused",
    "aiohttp": "Cannot connect to host orders-db:5432 ssl:default [Connect call failed]",
    "words": "connection refused to orders-db",
    "node": "connect ECONNREFUSED orders-db:5432",
    "qualified": "dial tcp orders-db.fault-injection-shop.svc:5432: connection refused",
}


@pytest.mark.parametrize("line", REFUSALS.values(), ids=REFUSALS)
def test_the_server_that_refuses_is_found(line: str) -> None:
    hosts = read_logs([line]).refused_by

    assert server_named(hosts, ["orders-db", "payment"], NAMESPACE) == ("orders-db",)


@pytest.mark.parametrize(
    "host", ["orders-db.other.svc", "kubernetes", "evil.orders-db", "orders-db2"]
)
def test_a_server_elsewhere_or_unknown_is_not_pointed_at(host: str) -> None:
    hosts = read_logs([f"dial tcp {host}:5432: connection refused"]).refused_by

    assert server_named(hosts, ["orders-db"], NAMESPACE) == ()


def test_an_excerpt_is_masked_and_short() -> None:
    secret = "hunter2-value"
    line = f"connection refused: postgresql://orders:{secret}@orders-db/orders " + "x" * 5000
    about = About("get_pod_logs", EvidenceFamily.LOGS, CHECKOUT, NOW)

    found = finding(about, read_logs([line] * 30).seen, WEIGHTS)

    assert secret not in found.excerpt
    assert len(found.excerpt) <= 2000


@pytest.mark.parametrize("words", ["", "panic: "], ids=["last lines", "matched line"])
def test_a_credential_that_the_cut_would_hide_from_the_mask_is_masked(words: str) -> None:
    secret = "hunter2-value"
    line = f"{words}{'x' * 250} postgresql://orders:{secret}{'y' * 100}@orders-db/orders"

    assert secret not in read_logs([line]).seen.excerpt
    assert secret not in read_events([event_of(event("Failed", line))], NOW).excerpt


ENDPOINTS = {
    "all there": ([endpoint_slice()], 1, {Sign.ENDPOINTS_READY}),
    "none, pods ready": ([endpoint_slice(ready=0)], 2, {Sign.ENDPOINTS_EMPTY_THOUGH_READY}),
    "none, no pod ready": ([endpoint_slice(ready=0, unready=1)], 0, set()),
    "none, nobody knows the pods": ([], None, set()),
}


@pytest.mark.parametrize(("slices", "pods", "signs"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_endpoints(slices: list[Json], pods: int | None, signs: set[Sign]) -> None:
    assert set(read_endpoints(slices, pods).signs) == signs


def behind(*ports: int, ready: bool = True) -> Json:
    found = pod(ready=ready)
    declared = [{"containerPort": each, "name": f"p{each}"} for each in ports]
    found["spec"]["containers"] = [{"name": "app", "image": "shop:1", "ports": declared}]
    return found


def leads(target: int | str | None = 8080, app: str = "checkout") -> Json:
    port: Json = {"port": 80} | ({} if target is None else {"targetPort": target})
    return {"selector": {"app": app}, "ports": [port]}


ROUTINGS = {
    "selects nobody": (
        Routing(leads(app="chekout"), leads(), (), [behind(8080)]),
        {Sign.SERVICE_SELECTS_NOBODY},
    ),
    "selects nobody, and nobody is ready": (
        Routing(leads(app="chekout"), leads(), (), [behind(8080, ready=False)]),
        set(),
    ),
    "selects others that are not ready yet": (
        Routing(leads(app="green"), leads(), [behind(8080, ready=False)], [behind(8080)]),
        set(),
    ),
    "number of no port": (
        Routing(leads(9999), leads(), [behind(8080)], [behind(8080)]),
        {Sign.SERVICE_TARGETS_NO_PORT},
    ),
    "name of no port": (
        Routing(leads("web"), leads("p8080"), [behind(8080)], [behind(8080)]),
        {Sign.SERVICE_TARGETS_NO_PORT},
    ),
    "no target, so its own number": (
        Routing(leads(None), leads(), [behind(8080)], [behind(8080)]),
        {Sign.SERVICE_TARGETS_NO_PORT},
    ),
    "the port by its name instead of its number": (
        Routing(leads("p8080"), leads(), [behind(8080)], [behind(8080)]),
        set(),
    ),
    "ports that nobody declares": (
        Routing(leads(9999), leads(), [behind()], [behind()]),
        set(),
    ),
}


@pytest.mark.parametrize(("routing", "signs"), ROUTINGS.values(), ids=ROUTINGS)
def test_where_a_service_leads(routing: Routing, signs: set[Sign]) -> None:
    assert set(read_routing(routing).signs) == signs


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (leads(app="chekout"), ("spec.selector.app",)),
        (leads(9999), ("spec.ports",)),
        (leads() | {"sessionAffinity": "ClientIP"}, None),
    ],
    ids=["selector", "port", "something else"],
)
def test_a_change_of_a_service(spec: Json, fields: tuple[str, ...] | None) -> None:
    known = KnownGoodSpec(services={"checkout": (leads(),)})
    service = {"metadata": {"managedFields": [owns("selector", -20)]}, "spec": spec}

    found = recent_service_change(FRONT, service, known).change

    assert (found.fields if found else None) == fields
    if found is not None:
        assert (found.target, found.known_good) == (FRONT, True)
        assert (NOW - found.changed_at).total_seconds() == 20


@pytest.mark.parametrize(
    ("rates", "signs"),
    [
        ({"200": 10.0}, {Sign.ERRORS_LOW}),
        ({"200": 9.0, "503": 1.0}, {Sign.ERRORS_HIGH}),
        ({"200": 98.0, "500": 2.0}, set()),
        ({"404": 10.0}, {Sign.ERRORS_LOW}),
        ({}, set()),
    ],
    ids=["fine", "failing", "between", "a client's mistakes", "no requests"],
)
def test_error_rate(rates: dict[str, float], signs: set[Sign]) -> None:
    assert set(read_error_rate(rates, 60, WEIGHTS).signs) == signs


def test_a_name_cannot_leave_its_place_in_a_query() -> None:
    query = error_query(PROFILES[0], 'a"} or vector(1) #', "shop", 60)

    assert 'service="a\\"} or vector(1) #"' in query


OLD, NEW = template("shop:1"), template("shop:none")
IMAGE = "spec.template.spec.containers[app].image"


def known(*templates: Json, replicas: int | None = 1, **configs: Any) -> KnownGoodSpec:
    healthy_at = NOW - dt.timedelta(hours=1)
    workload = {"templates": list(templates), "replicas": replicas, "healthyAt": healthy_at}
    return KnownGoodSpec.model_validate(
        {"workloads": {"Deployment/checkout": workload}, "configMaps": configs}
    )


def changes(workload: Json, **given: Any) -> Seen:
    facts: dict[str, Any] = {
        "target": CHECKOUT,
        "workload": workload,
        "replica_sets": (),
        "pods": (),
        "known_good": None,
        "config_maps": {},
    }
    return recent_change(ChangeFacts(**facts | given))


HISTORY = [
    replica_set(1, OLD, made=-9000, hashed="old"),
    replica_set(2, NEW, made=-40, hashed="new"),
]


def test_a_rollout_is_told_against_the_known_good_template() -> None:
    found = changes(
        deployment(pod_template=NEW), replica_sets=HISTORY, known_good=known(OLD)
    ).change

    assert found is not None
    assert found.fields == (IMAGE,)
    assert found.known_good
    assert (NOW - found.changed_at).total_seconds() == 40


def test_without_a_catalogue_the_previous_revision_is_what_it_is_told_against() -> None:
    found = changes(deployment(pod_template=NEW), replica_sets=HISTORY).change

    assert found is not None
    assert found.fields == (IMAGE,)
    assert not found.known_good


def test_an_old_revision_that_serves_again_is_timed_by_who_wrote_it() -> None:
    history = [
        replica_set(3, OLD, made=-9000, hashed="old"),
        replica_set(2, NEW, made=-400, hashed="new"),
    ]
    workload = deployment(pod_template=OLD, managed=[owns("template", -30)])

    found = changes(workload, replica_sets=history, known_good=known(NEW)).change

    assert found is not None
    assert (NOW - found.changed_at).total_seconds() == 30


def test_a_release_that_is_tried_again_is_timed_by_who_wrote_it() -> None:
    again = replica_set(4, NEW, made=-4000, hashed="new")
    again["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "2"
    history = [replica_set(3, OLD, made=-9000, hashed="old"), again]
    workload = deployment(pod_template=NEW, managed=[owns("template", -30)])

    found = changes(workload, replica_sets=history, known_good=known(OLD)).change

    assert found is not None
    assert (NOW - found.changed_at).total_seconds() == 30


def test_no_change_if_pods_of_the_old_revision_fail_too() -> None:
    looping = container_status(waiting="CrashLoopBackOff", ended=1)
    pods = [pod_of(pod("a", looping, ready=False, template_hash="old"))]

    seen = changes(
        deployment(pod_template=NEW), replica_sets=HISTORY, known_good=known(OLD), pods=pods
    )

    assert seen.change is None
    assert "previous revision fail too" in seen.excerpt


def test_scaling_to_nothing_is_timed_by_the_controller_where_nobody_owns_the_number() -> None:
    newest = replica_set(2, OLD, made=-9000, hashed="new")
    newest["metadata"]["managedFields"] = [owns("replicas", -7, manager="kube-controller-manager")]
    older = replica_set(1, NEW, made=-9900, hashed="old")
    older["metadata"]["managedFields"] = [owns("replicas", -3, manager="kube-controller-manager")]

    found = changes(
        deployment(replicas=0, pod_template=OLD),
        replica_sets=[newest, older],
        known_good=known(OLD, replicas=3),
    ).change

    assert found is not None
    assert "spec.replicas" in found.fields
    assert (NOW - found.changed_at).total_seconds() == 7


def test_scaling_is_told_with_its_time() -> None:
    workload = deployment(replicas=0, managed=[owns("replicas", -7, subresource="scale")])

    found = changes(workload, known_good=known(template(), replicas=3)).change

    assert found is not None
    assert found.fields == ("spec.replicas",)
    assert found.known_good
    assert (NOW - found.changed_at).total_seconds() == 7


def test_a_changed_key_of_a_config_map_is_told_against_its_known_good_content() -> None:
    config = {
        "metadata": {"name": "checkout", "managedFields": [owns("data", -20)]},
        "data": {"LEVEL": "loud"},
    }

    found = changes(
        deployment(),
        config_maps={"checkout": config},
        known_good=known(template(), checkout=[{"data": {"LEVEL": "calm", "GONE": "1"}}]),
    ).change

    assert found is not None
    assert found.fields == ("configmap/checkout.data.GONE", "configmap/checkout.data.LEVEL")
    assert found.known_good


@pytest.mark.parametrize("managed", [[], [owns("data", -7200)]], ids=["nobody", "who made it"])
def test_a_key_that_was_taken_away_leaves_no_time_and_is_timed_by_the_newest_pod(
    managed: list[Json],
) -> None:
    made = NOW - dt.timedelta(seconds=5000), NOW - dt.timedelta(seconds=30)
    pods = [replace(pod_of(pod()), created_at=each) for each in made]

    found = changes(
        deployment(),
        config_maps={"checkout": {"metadata": {"name": "checkout", "managedFields": managed}}},
        known_good=known(template(), checkout=[{"data": {"LEVEL": "calm"}}]),
        pods=pods,
    ).change

    assert found is not None
    assert found.fields == ("configmap/checkout.data.LEVEL",)
    assert (NOW - found.changed_at).total_seconds() == 30


@pytest.mark.parametrize(
    ("written", "made", "at"),
    [
        pytest.param(-20, (-5000, -10), -20, id="a-moment-before-the-first-pod-that-read-it"),
        pytest.param(-1800, (-9000, -30, -10), -30, id="long-before-it"),
        pytest.param(-1800, (-9000, -8000), -1800, id="no-pod-has-read-it"),
    ],
)
def test_a_change_that_nobody_read_is_told_from_the_first_pod_that_did(
    written: float, made: tuple[float, ...], at: float
) -> None:
    pods = [replace(pod_of(pod()), created_at=NOW + dt.timedelta(seconds=each)) for each in made]
    config = {"metadata": {"managedFields": [owns("data", written)]}, "data": {"LEVEL": "loud"}}

    found = changes(
        deployment(),
        config_maps={"checkout": config},
        known_good=known(template(), checkout=[{"data": {"LEVEL": "calm"}}]),
        pods=pods,
    ).change

    assert found is not None
    assert found.changed_at == NOW + dt.timedelta(seconds=at)


def test_a_config_map_breaks_pods_of_every_revision() -> None:
    looping = container_status(waiting="CrashLoopBackOff", ended=1)
    pods = [pod_of(pod("a", looping, ready=False, template_hash="old"))]
    config = {"metadata": {"managedFields": [owns("data", -20)]}, "data": {"LEVEL": "loud"}}

    seen = changes(
        deployment(pod_template=NEW),
        replica_sets=HISTORY,
        config_maps={"checkout": config},
        known_good=known(OLD, checkout=[{"data": {"LEVEL": "calm"}}]),
        pods=pods,
    )

    assert seen.change is not None
    assert seen.change.fields == ("configmap/checkout.data.LEVEL",)
    assert "previous revision fail too" in seen.excerpt


def test_nothing_changed() -> None:
    assert changes(deployment(), known_good=known(template())).change is None


def test_config_maps_of_a_template() -> None:
    given = template(
        envFrom=[{"configMapRef": {"name": "a"}}],
        env=[{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "x"}}}],
    )
    given["spec"]["volumes"] = [
        {"name": "v", "configMap": {"name": "c"}},
        {"name": "p", "projected": {"sources": [{"configMap": {"name": "d"}}]}},
    ]

    assert config_maps_of(given) == {"a", "b", "c", "d"}


def test_every_class_of_an_anomaly_has_a_finding_that_can_tell_it() -> None:
    """A class that no sign speaks for could only ever be guessed."""
    told = {each for weight in WEIGHTS.signs.values() for each in weight.implies}

    suggested: set[FailureClass] = {
        each for classes in WEIGHTS.suggests.values() for each in classes
    }
    assert suggested <= told
