"""What is flagged of kills for memory, and what is not: one kill that is got over."""

from typing import Any

import pytest

from factories.objects import container, ended, pod, replica_set, waiting
from factories.observed import Observed, healthy
from ooda.common.taxonomy import Signal


def killed(at: float, *, ran: float = 900, reason: str = "OOMKilled") -> dict[str, Any]:
    return ended(137, at, ran=ran, reason=reason)


def back(at: float, *, restarts: int = 1, ready: bool = True, ran: float = 900) -> dict[str, Any]:
    """Return a container that was killed for memory and started again at once."""
    return container(restarts=restarts, started=at, ready=ready, lastState=killed(at, ran=ran))


def test_one_kill_that_is_got_over_is_no_failure() -> None:
    observed = Observed(*healthy())
    observed.wait(2)
    observed.tell(pod(ready_since=3, containers=[back(2)]))
    observed.wait(120)
    assert observed.flags == []


def test_one_kill_after_which_it_does_not_come_back_is_flagged_after_its_time_to_start() -> None:
    observed = Observed(*healthy(2))
    observed.wait(2)
    observed.tell(pod(containers=[back(2, ready=False)]))
    observed.wait(20)
    assert observed.flags == []
    observed.wait(20)
    [flag] = observed.flags
    assert flag.signal is Signal.OOM_KILLED
    assert flag.observed["container"] == "app"


def test_the_second_kill_is_flagged_at_once_and_said_once() -> None:
    observed = Observed(*healthy())
    observed.wait(2)
    observed.tell(pod(ready_since=2, containers=[back(1)]))
    observed.wait(1)
    over = container(ready=False, restarts=1, state=killed(3, ran=2), lastState=killed(1))
    observed.tell(pod(containers=[over]))
    [flag] = observed.flags
    assert (flag.signal, flag.observed["kills"]) == (Signal.OOM_KILLED, "2")
    assert (flag.occurred_at - flag.since).total_seconds() == 2
    assert flag.summary == (
        "checkout (Deployment) is killed for memory: container app of pod checkout-1-a "
        "(OOMKilled, exit code 137), 1 restarts"
    )


def test_the_back_off_alone_says_it_to_an_observer_that_began_late() -> None:
    loop = waiting("CrashLoopBackOff", restarts=5, lastState=killed(-1, ran=3))
    observed = Observed(*healthy()[:-1], pod(containers=[loop]))
    assert observed.signals == [Signal.OOM_KILLED]


def test_a_leak_that_kills_every_half_hour_is_flagged() -> None:
    observed = Observed(*healthy())
    for count, end in ((1, 5.0), (2, 1805.0)):
        observed.wait(end - observed.seconds)
        observed.tell(pod(ready_since=end, containers=[back(end, restarts=count, ran=1800)]))
    assert observed.signals == [Signal.OOM_KILLED]


def test_two_replicas_that_are_killed_once_each_are_flagged() -> None:
    observed = Observed(*healthy(2))
    for name, end in (("checkout-1-a", 5.0), ("checkout-1-b", 60.0)):
        observed.wait(end - observed.seconds)
        observed.tell(pod(name, ready_since=end, containers=[back(end)]))
    assert observed.signals == [Signal.OOM_KILLED]


@pytest.mark.parametrize(
    ("reason", "signals"),
    [("Error", [Signal.CRASH_LOOP]), ("OOMKilled", [Signal.OOM_KILLED])],
)
def test_an_exit_code_alone_is_no_kill_for_memory(reason: str, signals: list[Signal]) -> None:
    observed = Observed(*healthy())
    loop = waiting("CrashLoopBackOff", restarts=3, lastState=killed(-1, ran=3, reason=reason))
    observed.tell(pod(containers=[loop]))
    assert observed.signals == signals


def test_it_ends_with_the_pods_that_had_the_small_limit() -> None:
    observed = Observed(*healthy())
    loop = waiting("CrashLoopBackOff", restarts=3, lastState=killed(-1, ran=3))
    observed.tell(pod(containers=[loop]))
    observed.tell(replica_set("checkout-2"))
    new: dict[str, Any] = {"owner": ("ReplicaSet", "checkout-2"), "revision": "2"}
    observed.tell(pod("checkout-2-a", created=1, ready_since=2, **new), "added")
    observed.wait(2)
    observed.tell(pod(containers=[loop]), "deleted")
    observed.wait(5)
    assert observed.clears == [Signal.OOM_KILLED]


def test_it_ends_when_it_runs_longer_than_it_did() -> None:
    observed = Observed(*healthy())
    loop = waiting("CrashLoopBackOff", restarts=3, lastState=killed(-1, ran=8))
    observed.tell(pod(containers=[loop]))
    observed.wait(5)
    observed.tell(pod(ready_since=5, containers=[back(5, restarts=4, ran=8)]))
    observed.wait(12)
    assert observed.clears == []
    observed.wait(10)
    assert observed.clears == [Signal.OOM_KILLED]


def with_limit(memory: str, **given: Any) -> dict[str, Any]:
    """Return a container that was killed twice and runs, with a limit that is in force."""
    return back(4, restarts=2, **given) | {"resources": {"limits": {"memory": memory}}}


def test_it_ends_with_the_limit_that_was_too_small() -> None:
    observed = Observed(*healthy())
    observed.wait(1)
    first = back(1) | {"resources": {"limits": {"memory": "64Mi"}}}
    observed.tell(pod(ready_since=1, containers=[first]))
    observed.wait(3)
    observed.tell(pod(ready_since=4, containers=[with_limit("64Mi")]))
    assert observed.signals == [Signal.OOM_KILLED]
    observed.wait(30)
    assert observed.clears == []
    observed.tell(pod(ready_since=4, containers=[with_limit("96Mi")]))
    observed.wait(6)
    assert observed.clears == [Signal.OOM_KILLED]
    observed.wait(60)
    assert observed.signals == [Signal.OOM_KILLED]


def test_a_raise_that_was_taken_back_does_not_hide_the_kills() -> None:
    observed = Observed(*healthy())
    for memory in ("64Mi", "96Mi"):
        first = back(1) | {"resources": {"limits": {"memory": memory}}}
        observed.tell(pod(ready_since=1, containers=[first]))
    observed.wait(4)
    observed.tell(pod(ready_since=4, containers=[with_limit("64Mi")]))
    assert observed.signals == [Signal.OOM_KILLED]


def test_kills_with_a_smaller_limit_are_no_crash_loop_either() -> None:
    observed = Observed(*healthy())
    for count, memory in ((1, "64Mi"), (2, "64Mi"), (3, "64Mi"), (3, "96Mi")):
        end = float(2 * count)
        observed.wait(max(0.0, end - observed.seconds))
        limits = {"resources": {"limits": {"memory": memory}}}
        observed.tell(pod(ready_since=end, containers=[back(end, restarts=count) | limits]))
    observed.wait(60)
    assert set(observed.signals) == {Signal.OOM_KILLED}
    assert observed.clears == [Signal.OOM_KILLED]
