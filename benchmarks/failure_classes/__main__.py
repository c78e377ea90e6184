"""Break the shop in every way that state can show, and count what the agent got right.

    PYTHONPATH=tests:benchmarks .venv/bin/python -m failure_classes --runs 1 --targets 3

Needs `make shop` and `make agent`. All targets of a fault are broken at once, unless that would be
one cause; about a minute each time. Each run is a line of JSON in the
results file, and what is there already is not run again: an interrupted series goes on.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from e2e.live.bus import ear
from e2e.live.kube import Kube, connected
from e2e.live.shop import SHOP
from failure_classes.faults import CONTROLS, FAULTS
from failure_classes.measuring import Laboratory, Run
from failure_classes.watching import eyes
from ooda.common.settings import Settings
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import layout

STAGES = ("effect_to_flagged", "flagged_to_started", "started_to_ready", "ready_to_applied")
Planned = tuple[str, Sequence[str], int, Callable[[Sequence[str]], Sequence[Run]]]


def main() -> int:
    """Run what is asked for and print the table."""
    given = _arguments()
    settings = Settings.load()
    if settings.nats is None:
        sys.stderr.write("The bus is not configured: run `make agent`.\n")
        return 2
    done = list(_read(given.results))
    with ear(settings.nats) as heard, eyes(settings.cluster) as seen, _cluster() as kube:
        kube.kubectl("label", "namespace", SHOP, "ooda.dev/mode=auto", "--overwrite")
        laboratory = Laboratory(kube, heard, seen)
        known = {(each["what"], each["target"], each["number"]) for each in done}
        for what, targets, number, run in _plan(laboratory, given):
            left = [each for each in targets if (what, each, number) not in known]
            if not left or given.only not in what:
                continue
            for each in run(left):
                found = dataclasses.asdict(each) | {"number": number}
                done.append(found)
                with given.results.open("a") as results:
                    results.write(json.dumps(found) + "\n")
                sys.stderr.write(f"{_mark(found)} {what}, {found['target']}, run {number}\n")
        laboratory.settle()
    sys.stdout.write("\n".join(_table(done)) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of each target (3)")
    parser.add_argument("--targets", type=int, default=3, help="targets of each fault (3)")
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--results", type=Path, default=Path("failure-classes.jsonl"))
    return parser.parse_args()


def _plan(laboratory: Laboratory, given: argparse.Namespace) -> Iterator[Planned]:
    for number in range(1, given.runs + 1):
        for fault in FAULTS:
            targets = fault.targets[: given.targets]
            for each in [[target] for target in targets] if fault.alone else [targets]:
                yield fault.name, each, number, partial(laboratory.faults, fault)
        for control in CONTROLS:
            targets = control.targets[: given.targets]
            yield control.name, targets, number, partial(laboratory.controls, control)


@contextmanager
def _cluster() -> Iterator[Kube]:
    found = layout()
    kubectl = Kubectl(found.binaries / "kubectl", found.kubeconfig)
    with tempfile.TemporaryDirectory() as folder, connected(kubectl, Path(folder)) as kube:
        yield kube


def _read(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text().splitlines()]


def _mark(found: dict[str, Any]) -> str:
    if found["failure"]:
        return f"failed ({found['failure']}):"
    right = found["answer_right"] and (found["class_right"] or found["failure_class"] is None)
    told = f"{found['failure_class']}, {found['answer']}, {found['outcome']}"
    return f"{'right' if right else 'WRONG'} ({told}):"


def _table(done: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "| what | runs | class | component | action | one incident | " + " | ".join(STAGES) + " |"
    yield "|---" * (6 + len(STAGES)) + "|"
    controls = {each.name for each in CONTROLS}
    for what in dict.fromkeys(each["what"] for each in done):
        runs = [each for each in done if each["what"] == what]
        yield _row(what, runs, control=what in controls)
    yield _row("all faults", [each for each in done if each["what"] not in controls], control=False)


def _row(what: str, runs: Sequence[dict[str, Any]], *, control: bool) -> str:
    counts = [
        "" if control else f"{sum(each[key] for each in runs)}"
        for key in ("class_right", "component_right")
    ]
    right = sum(each["answer_right"] for each in runs)
    alone = sum(each["incidents"] == (0 if control else 1) for each in runs)
    cells = [what, str(len(runs)), *counts, str(right), str(alone)]
    return "| " + " | ".join([*cells, *(_middle(runs, stage) for stage in STAGES)]) + " |"


def _middle(runs: Sequence[dict[str, Any]], stage: str) -> str:
    found = [each["seconds"][stage] for each in runs if stage in (each["seconds"] or {})]
    return f"{statistics.median(found):.2f} s" if found else ""


if __name__ == "__main__":
    sys.exit(main())
