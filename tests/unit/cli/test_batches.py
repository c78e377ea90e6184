"""A list of runs in a file, their results in a folder, and what is said of all of them."""

from pathlib import Path

import pytest

from factories.run_reports import run_report
from ooda.cli.batches import BatchError, parse_batch
from ooda.cli.results import Results, ResultsError
from ooda.cli.summaries import Refused, as_markdown, summarise
from ooda.common.fault_runs import Phase
from ooda.common.run_reports import Detection, RecoveredBy, Stage

LIST = """
namespace: fault-injection-shop
duration: 60s
runs:
  - {scenario: pod-kill, target: cart, intensity: 50, repeat: 2}
  - scenario: network-partition
    target: payment
    namespace: fault-injection-other
    duration: 2m
    parameters: {client: checkout, port: 80}
"""


def test_every_run_has_a_name_and_what_is_said_for_all() -> None:
    batch, runs = parse_batch(LIST)
    assert batch.settle == "2m"
    assert [each.name for each in runs] == ["001-pod-kill", "002-pod-kill", "003-network-partition"]
    first, _, last = (each.wanted for each in runs)
    assert (first.namespace, first.seconds, first.intensity) == ("fault-injection-shop", 60, "50")
    assert (last.namespace, last.seconds) == ("fault-injection-other", 120)
    assert last.parameters == {"client": "checkout", "port": "80"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("runs: [", "not YAML"),
        ("- a", "the file"),
        ("runs: []", "runs"),
        ("runs: [1]", "runs.0"),
        ("runs: [{scenario: pod-kill}]", "runs.0.target"),
        ("runs: [{scenario: Pod_Kill, target: a}]", "runs.0.scenario"),
        ("runs: [{scenario: pod-kill, target: a, dryrun: 1}]", "runs.0.dryrun"),
        ("runs: [{scenario: pod-kill, target: a, repeat: 0}]", "runs.0.repeat"),
        ("duration: 9s\nruns: [{scenario: pod-kill, target: a}]", "run 1 (pod-kill): there is no"),
        (
            "namespace: x\nduration: 9\nruns: [{scenario: pod-kill, target: a}]",
            "duration",
        ),
        (
            "namespace: x\nduration: 9h\nruns: [{scenario: pod-kill, target: a}]",
            "run 1 (pod-kill): duration",
        ),
        ("settle: soon\nruns: [{scenario: pod-kill, target: a}]", "settle"),
    ],
)
def test_what_is_no_list_of_runs_names_the_field(text: str, said: str) -> None:
    with pytest.raises(BatchError) as error:
        parse_batch(text)
    assert said in str(error.value)


def test_results_are_taken_up_where_they_ended(tmp_path: Path) -> None:
    folder, names = tmp_path / "results", ["001-a", "002-b"]
    Results(folder).begin(LIST, resume=False)
    Results(folder).keep("001-a", run_report())
    Results(folder).refuse("002-b", Refused(scenario="b", target="t", code="busy", reason="r"))
    again = Results(folder)
    again.begin(LIST, resume=True)
    assert [again.done(each) for each in names] == [True, False]
    assert "1 of 2 runs evaluated, 1 refused" in again.summarise(names)
    again.keep("002-b", run_report())
    assert "2 of 2 runs evaluated, 0 refused" in again.summarise(names)
    assert sorted(path.name for path in folder.iterdir()) == [
        "001-a.json",
        "002-b.json",
        "batch.yaml",
        "summary.json",
        "summary.md",
    ]


@pytest.mark.parametrize(
    ("batch", "resume", "said"),
    [(LIST, False, "say --resume"), ("runs: []", True, "another list of runs")],
)
def test_results_of_something_else_are_left_alone(
    tmp_path: Path, batch: str, *, resume: bool, said: str
) -> None:
    Results(tmp_path).begin(LIST, resume=False)
    with pytest.raises(ResultsError, match=said):
        Results(tmp_path).begin(batch, resume=resume)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ResultsError, match="something else"):
        Results(tmp_path).begin(LIST, resume=True)


def test_a_result_that_somebody_changed_is_told_of(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.begin(LIST, resume=False)
    (tmp_path / "001-a.json").write_text("{}")
    with pytest.raises(ResultsError, match=r"001-a.json is no evaluation"):
        results.summarise(["001-a"])


def test_counts_and_times() -> None:
    reports = [
        run_report(detection=Detection(from_injection_ms=100 * number), recovery_ms=None)
        for number in range(1, 21)
    ]
    reports += [
        run_report(
            scenario="pod-kill",
            class_right=None,
            remediation_right=False,
            detection=Detection(),
            recovered_by=RecoveredBy.EXPIRY,
            agent_seen=False,
            phase=Phase.TEARDOWN_FAILED,
        )
    ]
    summary = summarise(30, reports, {})
    overall = summary.overall
    assert (overall.runs, overall.detected, overall.agent_seen, overall.teardown_failed) == (
        21,
        20,
        20,
        1,
    )
    assert (overall.classification.right, overall.classification.none) == (20, 1)
    assert (overall.remediation.right, overall.remediation.wrong) == (20, 1)
    assert overall.recovered_by == {RecoveredBy.AGENT: 20, RecoveredBy.EXPIRY: 1}
    took = overall.detection_from_injection
    assert (took.count, took.median_ms, took.p95_ms, took.most_ms) == (20, 1050, 1900, 2000)
    assert overall.recovery.count == 1
    assert overall.stages[Stage.FLAGGED].median_ms == 1900
    assert (overall.stages[Stage.EFFECTIVE].count, overall.stages[Stage.EFFECTIVE].p95_ms) == (
        0,
        None,
    )
    assert list(summary.scenarios) == ["image-pull-failure", "pod-kill"]


def test_a_person_reads_it() -> None:
    refused = {"002-b": Refused(scenario="b", target="t", code="busy", reason="run a|b\nholds it")}
    told = as_markdown(summarise(2, [run_report()], refused))
    assert (
        "| image-pull-failure | 1 | 1 | 1 / 0 / 0 | 1 / 0 / 0 | 1 / 0 / 0 | agent 1 "
        "| 1.200 s / 1.200 s | 8.000 s / 8.000 s |" in told
    )
    assert "| 002-b | b | t | busy | run a\\|b holds it |" in told
    assert "| effective | 0 | - | - | - |" in told


def test_of_nothing() -> None:
    assert "0 of 3 runs evaluated" in as_markdown(summarise(3, [], {}))
