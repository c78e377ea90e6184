"""Kill whoever makes a fault at each of its writes, with every scenario, and publish what was left.

Run it as root with ``make kill-matrix``; or some scenarios alone, which publishes nothing, with
``PYTHONPATH=tests .venv/bin/python benchmarks/kill_matrix.py SCENARIO …``. The exit code says
whether something was left over.
"""

import asyncio
import datetime as dt
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from ooda.injector.core.scenario import Scenario
from ooda.injector.library import load_scenarios
from servers import pods, sandboxes
from servers.control_plane import control_plane
from servers.kill_matrix import Row, rows_of, without_set_up
from servers.kill_report import line, page
from servers.paper_kubelet import paper_kubelet

COMMAND = "make kill-matrix"
PUBLISHED = Path(__file__).parents[1] / "docs/kill-matrix.md"
LANES = 5
"""Targets at a time."""


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def try_all(scenarios: Sequence[Scenario]) -> Sequence[Row]:
    """Try scenarios, and return what became of them in the order of their names."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plane").mkdir()
        with control_plane(folder / "plane") as plane:
            plane.teach()
            async with paper_kubelet(plane.url, plane.admin_token, plane.trust, plane.serving):
                async for row in rows_of(scenarios, plane, folder, LANES):
                    say("\n  ".join([line(row), *row.orphans]))
                    found.append(row)
    return sorted(found, key=lambda row: row.scenario)


def main() -> int:
    """Try the scenarios that are named, or all, and publish."""
    library = load_scenarios()
    wanted = sys.argv[1:] or list(library)
    problems = [f"there is no scenario {each}" for each in wanted if each not in library]
    problems += without_set_up(library)
    problems += [reason for reason in (sandboxes.unable(), pods.unable()) if reason]
    if problems:
        sys.exit("\n".join(problems))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    # What a process did not wait for when it was killed is no news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    begun = time.monotonic()
    rows = asyncio.run(try_all([library[each] for each in wanted]))
    if wanted == list(library):
        today = dt.datetime.now(dt.UTC).date()
        text = page(rows, COMMAND, today, time.monotonic() - begun)
        PUBLISHED.write_text(text)
        say(f"\n{text}")
    return 1 if any(each.orphans for each in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
