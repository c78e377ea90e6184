"""The matrix of kills: every scenario is in it, and what it says of them."""

import datetime as dt

from ooda.injector.library import load_scenarios
from servers.kill_matrix import SET_UPS, Row, is_over, kills_of, without_set_up
from servers.kill_report import page
from servers.killing import Tried, differences
from servers.mortal_fault_agent import Victim


def test_every_scenario_can_be_tried() -> None:
    library = load_scenarios()
    assert without_set_up(library) == []
    assert SET_UPS.keys() <= library.keys(), "a scenario that is no more"


def test_a_scenario_without_a_set_up_is_named() -> None:
    (problem,) = without_set_up(["pod-kill", "moonquake"])
    assert problem.startswith("scenario moonquake has no set-up")


def test_it_goes_on_until_no_write_is_left_on_either_side() -> None:
    kills = [each for each, _ in zip(kills_of(Victim.INJECTOR), range(6), strict=False)]
    assert [(each.at, each.after) for each in kills[:3]] == [(0, False), (0, True), (1, False)]
    reached = [Tried(each, reached=True, orphans=[]) for each in kills]
    missed = [Tried(each, reached=False, orphans=[]) for each in kills]
    assert not is_over([], Victim.INJECTOR)
    assert not is_over([*reached[:3], missed[3], *reached[4:]], Victim.INJECTOR)
    assert not is_over([*reached[:3], missed[3], missed[4]], Victim.INJECTOR)
    assert is_over([*reached[:4], *missed[4:]], Victim.INJECTOR)


def test_processes_that_do_not_write_are_killed_after_each_write() -> None:
    first, second = (each for each, _ in zip(kills_of(Victim.WORKERS), range(2), strict=False))
    assert [(each.at, each.after) for each in (first, second)] == [(0, True), (1, True)]
    assert is_over([Tried(second, reached=False, orphans=[])], Victim.WORKERS)


def test_what_is_not_as_it_was_is_said() -> None:
    before = {"Leases": "", "Role/cart": "a", "its clock": "is right"}
    after = {"Leases": "run-1", "its clock": "is right", "Secret/new": "b"}
    assert differences(before, before) == []
    assert differences(before, after) == [
        "Leases is run-1, was nothing",
        "Role/cart is nothing, was a",
        "Secret/new is b, was nothing",
    ]


def test_the_page() -> None:
    rows = [
        Row("pod-kill", "pod_kill", "injector", 12, 24, [], 20.4),
        Row("network-cut", "cut", "fault-agent", 4, 8, ["killed there: Leases is x"], 40.0),
    ]
    said = page(rows, "make kill-matrix", dt.date(2026, 12, 1), 150.0)
    assert "2 scenarios, 32 kills, 1 orphans" in said
    assert "| `pod-kill` | pod_kill | injector | 12 | 24 | 0 | 20 |" in said
    assert said.endswith("## What was left over\n\n- `network-cut`, killed there: Leases is x\n")
    assert page(rows[:1], "make kill-matrix", dt.date(2026, 12, 1), 150.0).endswith("Nothing.\n")
