"""Every scenario of the package, and what is wrong with those that are not."""

from typing import Any

import pytest
import yaml

from ooda.injector.core.scenario import (
    Scenario,
    ScenarioError,
    parse_scenario,
    settle_parameters,
)
from ooda.injector.faults.library import FAULTS
from ooda.injector.library import load_scenarios

LIBRARY = load_scenarios()
GOOD: dict[str, Any] = {
    "id": "some-fault",
    "title": "A fault",
    "changes": "something",
    "undo": "it is put back",
    "mechanism": "replicas",
    "parameters": {
        "replicas": {"type": "integer", "about": "left", "default": 0, "minimum": 0, "maximum": 9}
    },
    "intensity": "replicas",
    "max_seconds": 60,
    "recovery_seconds": 60,
    "effect": {"probe": "replicas", "sign": "short", "within_seconds": 30},
    "truth": {"failure_class": "replica_shortfall", "component": "workload", "accepted": []},
}


CHOICE = {"type": "choice", "about": "x", "choices": ["a", "b"]}


def test_the_scenarios() -> None:
    assert list(LIBRARY) == [
        "config-missing",
        "cpu-throttle",
        "crash-loop-release",
        "crash-loop",
        "credential-rotation",
        "dependency-timeout",
        "disk-pressure",
        "dns-failure",
        "image-pull-failure",
        "jwt-expiry",
        "latency-spike",
        "memory-leak",
        "network-cut",
        "network-partition",
        "oom-kill",
        "packet-loss",
        "permission-revocation",
        "pod-kill",
        "probe-misconfigured",
        "quota-exhausted",
        "replica-scale-down",
        "service-misroute",
        "unschedulable",
    ]
    assert {each.mechanism for each in LIBRARY.values()} == FAULTS.keys()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mechanism": "magic"}, "mechanism"),
        ({"max_seconds": 0}, "max_seconds"),
        ({"max_seconds": 1801}, "max_seconds"),
        ({"recovery_seconds": -1}, "recovery_seconds"),
        ({"id": "Some Fault"}, "id"),
        ({"id": "other-fault"}, "calls itself other-fault"),
        ({"intensity": "percent"}, "no parameter 'percent'"),
        ({"surprise": 1}, "surprise"),
        ({"title": 1}, "title"),
        ({"effect": {"probe": "magic", "within_seconds": 30}}, "effect"),
        ({"effect": {"probe": "access"}}, "effect.access.within_seconds"),
        ({"effect": {"probe": "access", "within_seconds": 301}}, "within_seconds"),
        (
            {"effect": {"probe": "pods", "sign": "waiting", "within_seconds": 30}},
            "a container that waits needs reasons",
        ),
        (
            {"truth": {"failure_class": "bad luck", "component": "workload", "accepted": []}},
            "truth",
        ),
        (
            {"parameters": {"replicas": GOOD["parameters"]["replicas"] | {"default": 10}}},
            "default is outside",
        ),
        (
            {"parameters": {"replicas": GOOD["parameters"]["replicas"] | {"minimum": 10}}},
            "minimum is above",
        ),
        ({"parameters": {"replicas": {"type": "name", "about": "x", "default": "-"}}}, "default"),
        (
            {"parameters": {"replicas": CHOICE | {"default": "c"}}},
            "replicas.choice: Value error, default is none of the choices",
        ),
        ({"parameters": {"replicas": CHOICE | {"choices": []}}}, "replicas.choice.choices"),
        ({"parameters": {"replicas": CHOICE | {"choices": ["A"]}}}, "replicas.choice.choices.0"),
        (
            {"parameters": {"replicas": {"type": "dns_name", "about": "x", "default": "a"}}},
            "default",
        ),
    ],
)
def test_what_is_no_scenario(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        parse_scenario("some-fault", yaml.safe_dump(GOOD | change))


def test_what_is_no_yaml() -> None:
    with pytest.raises(ScenarioError, match="not YAML"):
        parse_scenario("some-fault", "a: [")


def scenario(name: str) -> Scenario:
    return LIBRARY[name]


@pytest.mark.parametrize(
    ("name", "given", "intensity", "settled"),
    [
        ("pod-kill", {}, None, {"percent": "50"}),
        ("pod-kill", {}, "30%", {"percent": "30"}),
        ("pod-kill", {"percent": "100"}, None, {"percent": "100"}),
        ("pod-kill", {"percent": "30"}, "30", {"percent": "30"}),
        ("oom-kill", {}, "32Mi", {"memory_mib": "32"}),
        ("network-partition", {"client": "web"}, None, {"client": "web"}),
        ("crash-loop-release", {}, None, {}),
        ("crash-loop", {}, "3", {"restarts": "3"}),
        ("jwt-expiry", {}, "7200s", {"skew_seconds": "7200"}),
        (
            "disk-pressure",
            {"volume": "reports"},
            "10%",
            {"free_percent": "10", "volume": "reports", "file": "report-archive.csv"},
        ),
        ("packet-loss", {}, None, {"percent": "30", "client": ""}),
        ("packet-loss", {"client": "web"}, "95%", {"percent": "95", "client": "web"}),
        (
            "latency-spike",
            {"jitter_ms": "50"},
            "200ms",
            {"mean_ms": "200", "jitter_ms": "50", "client": ""},
        ),
        ("dns-failure", {}, None, {"rcode": "none", "name": ""}),
        (
            "dns-failure",
            {"name": "Cart.Shop.svc."},
            "NXDOMAIN",
            {"rcode": "nxdomain", "name": "cart.shop.svc"},
        ),
    ],
)
def test_parameters(
    name: str, given: dict[str, str], intensity: str | None, settled: dict[str, str]
) -> None:
    assert settle_parameters(scenario(name), given, intensity) == settled


@pytest.mark.parametrize(
    ("name", "given", "intensity", "words"),
    [
        ("pod-kill", {}, "0", "not within 1 and 100"),
        ("pod-kill", {}, "101%", "not within"),
        ("pod-kill", {}, "many", "percent"),
        ("pod-kill", {"percent": "40"}, "30", "contradict"),
        ("pod-kill", {"percents": "40"}, None, "no parameter percents"),
        ("crash-loop-release", {}, "1", "has no intensity"),
        ("network-partition", {}, None, "needs parameter client"),
        ("dependency-timeout", {}, None, "needs parameter dependency"),
        ("packet-loss", {}, "4%", "not within 5 and 95"),
        ("disk-pressure", {"file": "../x"}, None, "is not a name"),
        ("disk-pressure", {}, "0%", "not within 1 and 50"),
        ("packet-loss", {"client": "web; rm -rf /"}, None, "is not a name"),
        ("latency-spike", {}, "10001", "not within 20 and 10000"),
        ("network-partition", {"client": "web; rm -rf /"}, None, "is not a name"),
        ("network-partition", {"client": ""}, None, "is not a name"),
        ("network-partition", {"client": "x" * 64}, None, "is not a name"),
        ("dns-failure", {}, "refused", "rcode: 'refused' is not one of none, nxdomain, servfail"),
        ("dns-failure", {"name": "c@rt"}, None, "name: 'c@rt' is not a name of DNS"),
        ("dns-failure", {"name": ""}, None, "is not a name of DNS"),
        ("dns-failure", {"name": "."}, None, "is not a name of DNS"),
    ],
)
def test_parameters_that_are_refused(
    name: str, given: dict[str, str], intensity: str | None, words: str
) -> None:
    with pytest.raises(ScenarioError, match=words):
        settle_parameters(scenario(name), given, intensity)
