"""A memory limit raised in the pods that run, from the decision to its end; or by the template."""

from typing import Any

import pytest

from factories.events import NAMESPACE
from fakes.acting import ENDED, PATCHED, RESIZED, Acting, decision, killed_pod, starve
from ooda.actor.core.record import ActionRecord
from ooda.common.cluster.interface import ClusterError, NotFound, Refused, Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionApplied, ActionStarted, DecisionMade
from ooda.common.taxonomy import ActionKind, Outcome
from ooda.common.testing.bus import delivery
from ooda.common.topology import ACTIONS


def shop() -> Acting:
    acting = Acting()
    starve(acting.api)
    return acting


def raising(pod: str = "checkout-1-a", **given: Any) -> DecisionMade:
    asked = {"action": ActionKind.RAISE_MEMORY_LIMIT, "parameters": {"pod": pod}}
    return decision(request=asked | given)


async def limits(acting: Acting) -> tuple[str, str]:
    """Return the limit of the pod and that of the template."""
    pod = await acting.api.get(Kind.POD, NAMESPACE, "checkout-1-a")
    live = await acting.api.get(Kind.DEPLOYMENT, NAMESPACE, "checkout")
    found = [
        each["containers"][0]["resources"]["limits"]["memory"]
        for each in (pod["spec"], live["spec"]["template"]["spec"])
    ]
    return found[0], found[1]


async def test_raises_in_place_and_tells_the_owner_of_the_template() -> None:
    acting = shop()
    ended = await acting.act(raising())
    assert (ended.outcome, acting.api.writes) == (Outcome.KEPT, [RESIZED])
    assert await limits(acting) == ("96Mi", "64Mi")
    assert "set resources deployment/checkout -c app --limits=memory=96Mi" in ended.follow_up
    (started,) = acting.said(ActionStarted)
    assert (started.undo, started.before[0].object) == ("inverse", f"Pod {NAMESPACE}/checkout-1-a")
    assert acting.api.calls.index("resize dry") < acting.api.calls.index("resize")
    assert acting.api.calls[acting.api.calls.index("resize") - 1] == "get ConfigMap"


@pytest.mark.parametrize(
    "error",
    [NotFound("no such subresource"), Refused("QoS may not change")],
    ids=["not served", "not accepted"],
)
async def test_where_the_api_server_does_not_accept_it_the_template_is_changed(
    error: ClusterError,
) -> None:
    acting = shop()
    acting.api.failures["resize dry"] = error
    ended = await acting.act(raising())
    assert (ended.outcome, acting.api.writes) == (Outcome.KEPT, [PATCHED])
    assert await limits(acting) == ("64Mi", "96Mi")
    assert ended.follow_up == ""


async def test_an_api_server_that_is_away_says_nothing_of_what_it_can() -> None:
    acting = shop()
    acting.api.failures["resize dry"] = Unavailable("later")
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(raising()))
        await acting.until(lambda: "resize dry" in acting.api.calls)
        acting.api.failures.clear()
        await acting.until(acting.executed)
    assert acting.api.writes == [RESIZED]


async def test_did_not_help_and_is_taken_back() -> None:
    acting = shop()
    acting.heals = False
    ended = await acting.act(raising())
    assert (ended.outcome, acting.api.writes) == (Outcome.UNDONE, [RESIZED, RESIZED])
    assert await limits(acting) == ("64Mi", "64Mi")


async def test_what_the_kubelet_cannot_do_is_taken_back_and_then_done_by_the_template() -> None:
    acting = shop()
    acting.api.rigid, acting.heals = True, False
    ended = await acting.act(raising())
    assert (ended.outcome, ended.wrote) == (Outcome.EXPIRED, True)
    assert [each.undo for each in acting.said(ActionApplied)] == [False, True]
    assert await limits(acting) == ("64Mi", "64Mi")
    assert acting.api.writes == [RESIZED, RESIZED]
    acting.bus.published.clear()
    acting.api.writes.clear()
    acting.heals = True
    again = await acting.act(raising(action_id="act-2"))
    assert again.outcome is Outcome.KEPT
    assert acting.api.writes == [PATCHED]
    assert await limits(acting) == ("64Mi", "96Mi")


async def test_a_pod_that_came_with_the_old_limit_again_and_is_killed_again() -> None:
    acting = shop()
    await acting.act(raising())
    acting.api.remove(Kind.POD, NAMESPACE, "checkout-1-a")
    acting.api.put(Kind.POD, killed_pod(name="checkout-1-b", uid="uid-pod-2"))
    acting.bus.published.clear()
    acting.api.writes.clear()
    acting.heals = False
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(raising("checkout-1-b", action_id="act-2")))
        await acting.until(lambda: acting.api.writes)
    assert acting.api.writes == [PATCHED]
    record = await acting.bus.bucket(ACTIONS, ActionRecord).get("act-2")
    assert record is not None
    live = await acting.api.get(Kind.DEPLOYMENT, NAMESPACE, "checkout")
    container = live["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["memory"] == "96Mi"


async def test_a_container_that_has_just_ended_is_waited_for() -> None:
    acting = shop()
    running = killed_pod()
    ended = killed_pod()
    ended["status"]["containerStatuses"][0]["state"] = ENDED
    acting.api.put(Kind.POD, ended)
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(raising()))
        await acting.until(lambda: "get Pod" in acting.api.calls)
        acting.api.put(Kind.POD, running)
        await acting.until(acting.executed)
    assert acting.api.writes == [RESIZED]
