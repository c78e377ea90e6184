"""What the fence refuses on a real API server: each with its code, and nothing is written."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ooda.common import kill_switch
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Phase
from ooda.injector.core.fence import lease_of_namespace
from ooda.injector.journal import Journal
from ooda.injector.leases import Leases
from ooda.injector.library import load_scenarios
from servers.breakable import TARGET, Breakable

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

NOW = SystemClock().now()


@dataclass(frozen=True)
class Try:
    """A request, and what was prepared for it."""

    name: str
    code: str
    given: Mapping[str, Any]
    prepare: Callable[[Breakable], Awaitable[None]] | None = None


async def not_pinned(breakable: Breakable) -> None:
    breakable.limits = replace(breakable.limits, cluster="")


async def pinned_elsewhere(breakable: Breakable) -> None:
    breakable.limits = replace(breakable.limits, cluster="another")


async def approved(breakable: Breakable) -> None:
    names = {
        "fault-injection",
        "prod-fault-injection-x",
        "fault-injection-",
        "fault-injection-gone",
    }
    breakable.limits = replace(breakable.limits, namespaces=breakable.limits.namespaces | names)


async def busy(breakable: Breakable) -> None:
    name = lease_of_namespace(breakable.namespace)
    await Leases(breakable.api, breakable.own).take(name, "another", NOW)


async def stopped(breakable: Breakable) -> None:
    await kill_switch.stop(breakable.api, breakable.own, by="alice", reason="", now=NOW)


async def quarantined(breakable: Breakable) -> None:
    journal, run = Journal(breakable.api, breakable.own), await breakable.admitted()
    entry = await journal.find(run.run_id)
    assert entry is not None
    await journal.write(entry, run.enter(Phase.TEARDOWN_FAILED, NOW))


async def known(breakable: Breakable) -> None:
    await breakable.admitted(run_id="known")


def marked(mark: str, value: str) -> Callable[[Breakable], Awaitable[None]]:
    async def mark_it(breakable: Breakable) -> None:
        breakable.plane.kubectl(
            "-n", breakable.namespace, "annotate", "deployment", TARGET, f"{mark}={value}"
        )

    return mark_it


async def scaled(breakable: Breakable) -> None:
    breakable.plane.kubectl("-n", breakable.namespace, "autoscale", "deployment", TARGET, "--max=5")


async def unhealthy(breakable: Breakable) -> None:
    breakable.plane.kubectl(
        "-n", breakable.namespace, "set", "image", f"deployment/{TARGET}", "app=example/x:broken"
    )


TRIES = [
    Try("no cluster is pinned", "not_pinned", {}, not_pinned),
    Try("another cluster is pinned", "wrong_cluster", {}, pinned_elsewhere),
    Try("meant for another cluster", "wrong_cluster", {"cluster_id": "another"}),
    Try("the name without its end", "namespace_name", {"namespace": "fault-injection"}, approved),
    Try("an empty end", "namespace_name", {"namespace": "fault-injection-"}, approved),
    Try("the name inside", "namespace_name", {"namespace": "prod-fault-injection-x"}, approved),
    Try("the system's namespace", "namespace_name", {"namespace": "kube-system"}),
    Try("no namespace", "namespace_name", {"namespace": None}),
    Try("a line's end after it", "namespace_name", {"namespace": "fault-injection-x\n"}),
    Try("not on the list", "not_approved", {"namespace": "fault-injection-other"}),
    Try(
        "a namespace that is not there",
        "no_namespace",
        {"namespace": "fault-injection-gone"},
        approved,
    ),
    Try("an expired request", "expired", {"valid_until": NOW - dt.timedelta(seconds=1)}),
    Try("a replayed request", "replayed", {"run_id": "known"}, known),
    Try("an unknown scenario", "unknown_scenario", {"scenario": "meltdown"}),
    Try("an unknown parameter", "parameters", {"parameters": {"x": "1"}}),
    Try("a parameter out of range", "parameters", {"scenario": "pod-kill", "intensity": "101%"}),
    Try("no duration", "no_duration", {"duration_seconds": 0.0}),
    Try("a duration that is no number", "no_duration", {"duration_seconds": float("nan")}),
    Try("too long", "too_long", {"duration_seconds": 601.0}),
    Try("for ever", "too_long", {"duration_seconds": float("inf")}),
    Try("no target", "empty_selector", {"target": ""}),
    Try("a selector of nothing", "empty_selector", {"target": "="}),
    Try("a target that is neither", "bad_target", {"target": "app in (cart, web)"}),
    Try("a target that is not there", "no_target", {"target": "nobody"}),
    Try("labels that nothing has", "no_target", {"target": "app=nobody"}),
    Try("labels of several", "too_many_targets", {"target": "tier=shop"}),
    Try("a busy namespace", "busy", {}, busy),
    Try("the kill switch is on", "stopped", {}, stopped),
    Try("a quarantined namespace", "quarantined", {}, quarantined),
    Try("Argo CD's", "owned", {}, marked("argocd.argoproj.io/tracking-id", "x")),
    Try("Flux's", "owned", {}, marked("kustomize.toolkit.fluxcd.io/name", "x")),
    Try("an autoscaler's", "autoscaled", {"scenario": "replica-scale-down"}, scaled),
    Try("not healthy before", "not_healthy", {}, unhealthy),
    Try(
        "a client that is not there",
        "not_applicable",
        {"scenario": "network-partition", "parameters": {"client": "nobody"}},
    ),
    Try(
        "more replicas than before",
        "not_applicable",
        {"scenario": "replica-scale-down", "intensity": "3"},
    ),
]


def of(*, prepared: bool) -> pytest.MarkDecorator:
    tries = [each for each in TRIES if (each.prepare is not None) is prepared]
    return pytest.mark.parametrize("tried", tries, ids=lambda tried: tried.name)


@of(prepared=False)
async def test_it_is_refused_and_nothing_is_written(kept: Breakable, tried: Try) -> None:
    await refuses(kept, tried)


@of(prepared=True)
async def test_it_is_refused_as_things_are(breakable: Breakable, tried: Try) -> None:
    assert tried.prepare is not None
    await tried.prepare(breakable)
    await refuses(breakable, tried)


async def refuses(breakable: Breakable, tried: Try) -> None:
    before = await everything(breakable)
    refusal = await breakable.refused(**tried.given)
    assert (refusal.code, refusal.reason[-1]) == (tried.code, ".")
    assert await everything(breakable) == before


async def everything(breakable: Breakable) -> tuple[Any, ...]:
    """Return what is in both namespaces, and the versions of what the injector may write."""
    api, own = breakable.api, breakable.own
    written = [
        (str(kind), each["metadata"]["name"], each["metadata"]["resourceVersion"])
        for kind in (Kind.FAULT_RUN, Kind.LEASE, Kind.CONFIG_MAP)
        for each in await api.list(kind, own)
    ]
    return await breakable.contents(), written


async def test_what_is_shared_is_allowed_one_by_one_and_held_by_one(breakable: Breakable) -> None:
    scenarios = load_scenarios()
    shared = scenarios["pod-kill"].model_copy(update={"shared": ("coredns",)})
    admission = replace(breakable.admission(), scenarios={"pod-kill": shared})
    asked = breakable.asked("pod-kill")
    refusal = await admission.admit(asked, 1)
    assert getattr(refusal, "code", None) == "shared_not_allowed"
    limits = replace(breakable.limits, shared=frozenset({"coredns"}))
    admission = replace(admission, limits=limits)
    await Leases(breakable.api, breakable.own).take("run-shared-coredns", "another", NOW)
    refusal = await admission.admit(asked, 1)
    assert getattr(refusal, "code", None) == "shared_busy"
