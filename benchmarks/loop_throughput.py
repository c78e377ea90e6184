"""How many events a second go through all stages, and how long an incident takes in a crowd.

    PYTHONPATH=tests .venv/bin/python benchmarks/loop_throughput.py [WORKLOADS]

The five services as processes on a real API server with its controllers, a real nats-server and a
real Postgres (which does not wait for the disk); only the kubelet is on paper. Every workload is
broken at once by a release whose image does not exist, and every one has to be healed.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from ooda.recorder.migrate import migrate
from servers.agent_rights import grant
from servers.control_plane import control_plane
from servers.loop import Loop, loop
from servers.loop_bus import loop_bus
from servers.paper_kubelet import paper_kubelet
from servers.postgres import postgres_server
from servers.story import Story
from servers.trail import Database

CRDS = Path(__file__).parents[1] / "k8s/base/crds"


async def measure(workloads: int, folder: Path) -> None:
    """Break all, wait until all are healed, print what the database says."""
    for name in ("plane", "nats", "loop"):
        (folder / name).mkdir()
    with control_plane(folder / "plane") as plane, postgres_server() as postgres:
        plane.kubectl("apply", "-k", str(CRDS))
        grant(plane)
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE audit")
        database = Database(postgres, "audit")
        await asyncio.to_thread(migrate, database.migration())
        async with (
            loop_bus(folder / "nats") as bus,
            paper_kubelet(plane.url, plane.admin_token, plane.trust, plane.serving),
            loop(folder / "loop", plane, bus, database) as services,
        ):
            await services.start()
            stories = [Story(plane, bus, services, database, f"n{n}") for n in range(workloads)]
            await asyncio.gather(*(story.begin() for story in stories))
            began = time.monotonic()
            await asyncio.gather(*(story.break_it() for story in stories))
            await asyncio.gather(*(story.said("incident.closed", 300) for story in stories))
            _say(f"{workloads} workloads healed in {time.monotonic() - began:.1f} s")
            await _recorded(database, workloads)
            _tell(database)
            for story in stories:
                await story.end()
            _processor_of(services)


async def _recorded(database: Database, incidents: int) -> None:
    async with asyncio.timeout(60):
        while _ask(database, "SELECT count(*) FROM incidents WHERE closed_at IS NOT NULL")[0] != (
            incidents,
        ):
            await asyncio.sleep(0.5)


def _tell(database: Database) -> None:
    number, seconds = _ask(
        database,
        "SELECT count(*), extract(epoch FROM max(stored_at) - min(stored_at)) FROM events",
    )[0]
    _say(f"{number} events in {float(seconds):.1f} s: {number / float(seconds):.0f} events/s")
    applied = [
        float(row[0])
        for row in _ask(
            database,
            "SELECT extract(epoch FROM a.applied_at - min(t.stored_at)) FROM actions a"
            " JOIN incident_timeline t USING (incident_id)"
            " WHERE t.subject = 'diagnosis.ready' AND a.applied_at IS NOT NULL"
            " GROUP BY a.action_id, a.applied_at",
        )
    ]
    quantiles = statistics.quantiles(applied, n=20)
    _say(f"ready to applied: p50 {statistics.median(applied):.2f} s, p95 {quantiles[18]:.2f} s")


def _processor_of(services: Loop) -> None:
    for service, process in services.processes.items():
        _say(f"{service:<10}{process.processor_seconds():6.1f} s of processor time")


def _ask(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.dsn("reader")) as connection:
        return connection.execute(statement.encode()).fetchall()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="loop-throughput-") as place:
        asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 40, Path(place)))
