"""Each scenario: it bites, nobody else is hit, and everything is as it was before."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.live.injections import Injections
from factories.long_tables import sampled

Record = Callable[[str, object], None]

PLAN = yaml.safe_load((Path(__file__).parents[3] / "benchmarks/every-scenario.yaml").read_text())
ALWAYS = {"image-pull-failure", "latency-spike", "jwt-expiry"}
"""One on the API server, one in a pod's network, one within a container."""


def given(run: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is stated beside target and duration, as options of the command."""
    intensity = ("--intensity", run["intensity"]) if "intensity" in run else ()
    parameters = [
        f"--parameter={name}={value}" for name, value in run.get("parameters", {}).items()
    ]
    return (*intensity, *parameters)


ROWS = [
    (run["scenario"], run["target"], run.get("duration", "60s"), given(run)) for run in PLAN["runs"]
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("scenario", "target", "duration", "stated"),
    sampled(ROWS, always=lambda row: row[0] in ALWAYS, name=lambda row: row[0]),
)
def test_it_bites_and_all_is_as_before(
    injections: Injections,
    record_property: Record,
    scenario: str,
    target: str,
    duration: str,
    stated: tuple[str, ...],
) -> None:
    run = injections.followed(scenario, target, duration, *stated, seconds=500)
    report = run.report()
    assert (report["phase"], report["problem"], report["bystanders"]) == ("ended", "", {})
    assert report["ending"] in {"expired", "repaired"}
    at = {stage: each["ms"] for stage, each in report["stages"].items() if each}
    assert at["mutated"] <= at["effective"] <= at["teardown_started"] <= at["baseline_restored"]
    record_property(
        f"{scenario} on {target}",
        f"asked for to effective {at['effective'] - at['requested']} ms, "
        f"end to baseline {(at['baseline_restored'] - at['teardown_started']) / 1000:.1f} s, "
        f"realised {report['realised']}",
    )
