"""Which lines of a log say that the API server denied something to an account."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.denials import Denial, denials
from ooda.common.permissions import BOUND, Right

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
USER = "system:serviceaccount:shop:reader"
LIST = (
    f'pods is forbidden: User "{USER}" cannot list resource "pods" in API group "" '
    'in the namespace "shop"'
)
GET = (
    f'deployments.apps "web" is forbidden: User "{USER}" cannot get resource "deployments" '
    'in API group "apps" in the namespace "shop"'
)
EVERYWHERE = LIST.replace('in the namespace "shop"', "at the cluster scope")
STATUS = json.dumps(
    {"kind": "Status", "status": "Failure", "message": LIST, "reason": "Forbidden", "code": 403}
)
LIST_PODS, GET_WEB = ("list", "", "pods", ""), ("get", "apps", "deployments", "web")
SOMETHING, NOTHING = ("", "", "", ""), None
CONFIG = "/api/v1/namespaces/shop/configmaps/prices"
PRICES = ("", "", "configmaps", "prices")

FABRIC8 = "KubernetesClientException: Failure executing: GET at: https://10.96.0.1:443/"

LINES = {
    "the API server's own words": (LIST, LIST_PODS),
    "of a named object": (GET, GET_WEB),
    "client-go, an informer": (
        f"E1125 12:00:00.000000 1 reflector.go:150] Failed to watch *v1.Pod: {LIST}",
        LIST_PODS,
    ),
    "python kubernetes, the body": (f"HTTP response body: {STATUS}", LIST_PODS),
    "python kubernetes, the body as bytes": (f"HTTP response body: b'{STATUS}'", LIST_PODS),
    "python kubernetes, the head": (
        "kubernetes.client.exceptions.ApiException: (403)",
        SOMETHING,
    ),
    "python requests": (
        f"HTTPError: 403 Client Error: Forbidden for url: https://10.96.0.1:443{CONFIG}",
        PRICES,
    ),
    "fabric8": (
        FABRIC8
        + f"api/v1/namespaces/shop/pods. Message: {LIST}. Received status: Status(code=403)",
        LIST_PODS,
    ),
    "fabric8 without the server's words": (
        FABRIC8 + "apis/apps/v1/namespaces/shop/deployments. Message: Forbidden!Configured service",
        ("", "apps", "deployments", ""),
    ),
    "kube-rs": (f"ApiError: {LIST}: Forbidden (ErrorResponse {{ code: 403 }})", LIST_PODS),
    "a log in JSON": (json.dumps({"level": "error", "why": GET}), GET_WEB),
    "a log in JSON in JSON": (json.dumps({"log": json.dumps({"why": GET})}), GET_WEB),
    "a status code and the path": (
        json.dumps({"status": 403, "url": f"https://kubernetes.default.svc{CONFIG}"}),
        PRICES,
    ),
    "a status code of Kubernetes": ("kubernetes api: unexpected status code 403", SOMETHING),
    "a watch that the client asks for by name": (
        f"GET {CONFIG}?watch=1: status code 403 Forbidden",
        PRICES,
    ),
    "its own customers": ('10.0.0.1 "GET /orders HTTP/1.1" 403 12', NOTHING),
    "an upstream service": ("payment answered with status code 403 Forbidden", NOTHING),
    "an upload to a bucket": ("S3 PutObject: 403 Forbidden", NOTHING),
    "another account": (LIST.replace(":reader", ":writer"), NOTHING),
    "an account of another namespace": (LIST.replace(":shop:", ":bank:"), NOTHING),
    "in another namespace": (LIST.replace('namespace "shop"', 'namespace "bank"'), NOTHING),
    "in the whole cluster": (EVERYWHERE, LIST_PODS),
    "a person": (LIST.replace(USER, "alice"), NOTHING),
    "nobody": (LIST.replace(USER, "system:anonymous"), NOTHING),
    "a quota": ('kubernetes: pods "x" is forbidden: exceeded quota: small', NOTHING),
    "a policy": (
        'kubernetes: 403 admission webhook "pods.example.com" denied the request',
        NOTHING,
    ),
    "a path of another namespace": (f"403 {CONFIG.replace('shop', 'bank')}", NOTHING),
    "a port and a size": (f"200 10.0.0.1:4030 kubernetes 1403 {CONFIG}", NOTHING),
    "a number with a point": ("kubernetes took 403.5 ms, v1.403", NOTHING),
    "a path that is allowed": (f"GET https://10.96.0.1{CONFIG} 200", NOTHING),
}


@pytest.mark.parametrize(("line", "said"), LINES.values(), ids=LINES)
def test_a_denial_is_what_the_api_server_says_of_this_account(
    line: str, said: tuple[str, str, str, str] | None
) -> None:
    found = [(e.verb, e.group, e.resource, e.name) for e in denials([line], "reader", "shop")]
    assert found == ([said] if said else [])


def stamped(line: str, after: float) -> str:
    at = (NOW + dt.timedelta(seconds=after)).isoformat(timespec="microseconds")
    return f"{at.replace('+00:00', '000Z')} {line}"


VAGUE = "kubernetes: status code 403"


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        pytest.param([stamped(LIST, -60)], 0, id="before"),
        pytest.param([stamped(LIST, 1)], 1, id="after"),
        pytest.param([stamped("Traceback", 1), LIST], 1, id="goes-on-without-a-stamp"),
        pytest.param([stamped("Traceback", -60), LIST], 0, id="goes-on-from-before"),
        pytest.param([LIST], 1, id="no-stamps"),
        pytest.param([stamped(VAGUE, 1)], 1, id="vague"),
        pytest.param([stamped(VAGUE, -60), stamped(VAGUE, 1)], 0, id="vague-and-not-new"),
        pytest.param(
            [stamped(VAGUE, 1), stamped(LIST.replace(":reader", ":other"), 1)],
            0,
            id="vague-where-others-tell",
        ),
        pytest.param(["9999-99-99T99:99:99Z " + LIST], 1, id="no-time"),
    ],
)
def test_what_was_said_before_does_not_count(lines: list[str], count: int) -> None:
    assert len(denials(["\n".join(lines)], "reader", "shop", NOW)) == count


PODS = frozenset({Right("list", "", "pods")})
ONE = frozenset({Right("get", "apps", "deployments", "web")})


@pytest.mark.parametrize(
    ("denial", "lost", "left", "counts"),
    [
        pytest.param(Denial("", *LIST_PODS), PODS, frozenset(), True, id="the-very-right"),
        pytest.param(Denial("", *GET_WEB), PODS, frozenset(), False, id="another-one"),
        pytest.param(Denial("", *GET_WEB), ONE, frozenset(), True, id="of-one-object"),
        pytest.param(
            Denial("", "get", "apps", "deployments", "x"), ONE, frozenset(), False, id="of-another"
        ),
        pytest.param(
            Denial("", "watch", "", "pods"),
            frozenset({Right("*", "", "*")}),
            PODS,
            True,
            id="of-everything",
        ),
        pytest.param(
            Denial("", *LIST_PODS), frozenset({Right("*", "", "*")}), PODS, False, id="is-left"
        ),
        pytest.param(Denial("", "", "", "pods"), PODS, frozenset(), True, id="no-verb"),
        pytest.param(Denial("", "", "", "secrets"), PODS, frozenset(), False, id="no-verb-other"),
        pytest.param(Denial(""), PODS, frozenset(), True, id="vague"),
        pytest.param(Denial(""), frozenset(), PODS, False, id="vague-and-nothing-lost"),
        pytest.param(
            Denial("", *LIST_PODS),
            frozenset({Right(BOUND, "", "", "view")}),
            frozenset(),
            True,
            id="of-a-cluster-role",
        ),
        pytest.param(
            Denial("", *LIST_PODS, whole_cluster=True),
            frozenset({Right("list", "", "pods")}),
            frozenset(),
            False,
            id="of-the-whole-cluster",
        ),
    ],
)
def test_it_counts_if_it_can_be_what_was_lost(
    denial: Denial, lost: frozenset[Right], left: frozenset[Right], *, counts: bool
) -> None:
    assert denial.is_of(lost, left) is counts


PODS = frozenset({Right("list", "", "pods")})


@pytest.mark.parametrize(
    ("denial", "left", "beyond"),
    [
        pytest.param(Denial("", *LIST_PODS), frozenset(), True, id="nothing-gives-it"),
        pytest.param(Denial("", *LIST_PODS), PODS, False, id="it-may-again"),
        pytest.param(Denial("", *LIST_PODS, whole_cluster=True), PODS, True, id="everywhere"),
        pytest.param(Denial("", *PRICES), frozenset(), False, id="it-is-not-told-what"),
        pytest.param(Denial(""), frozenset(), False, id="vague"),
    ],
)
def test_it_is_beyond_what_is_left_if_it_says_what(
    denial: Denial, left: frozenset[Right], *, beyond: bool
) -> None:
    assert denial.is_beyond(left) is beyond


@given(st.text(max_size=300), st.text(max_size=40))
def test_whatever_a_log_says_it_is_read(text: str, more: str) -> None:
    for each in denials([f"{text} 403 {CONFIG} {more}", f"{LIST[:60]}{text}"], "reader", "shop"):
        assert len(each.line) <= 300


def test_a_secret_in_a_line_is_masked() -> None:
    (found,) = denials([f"{LIST} token=abcdefghijkl"], "reader", "shop")
    assert "abcdefghijkl" not in found.line


def test_a_line_of_a_megabyte_takes_no_time() -> None:
    assert denials(['User "system:serviceaccount:' + "a" * 1_000_000], "reader", "shop") == ()
    assert denials(["403 /api/v1/namespaces/" * 50_000], "reader", "shop") == ()
