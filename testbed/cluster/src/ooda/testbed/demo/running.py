"""From a running stack to a verdict: opt in, wait until enough is known, play, show the record."""

import asyncio
from collections.abc import Sequence

from rich.console import Console

from ooda.common.audit.address import audit_url
from ooda.common.audit.queries import TimelineEntry, reading_engine, timeline
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.events import IncidentClosed
from ooda.common.known_good import CATALOG, workload_key
from ooda.common.settings import ClusterSettings, NatsSettings, PostgresSettings, Settings
from ooda.common.taxonomy import Mode
from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.demo.faults import FAULTS, NAMESPACE, Fault
from ooda.testbed.demo.person import Person
from ooda.testbed.demo.scenes import Scenes
from ooda.testbed.demo.stage import Stage
from ooda.testbed.demo.turn import Turn
from ooda.testbed.errors import Refused, Unready
from ooda.testbed.kubectl import Kubectl

_KNOWN_DEADLINE = 90.0  # seconds
_RECORD_DEADLINE = 10.0
_RECORD_PAUSE = 0.2

_NEXT = """The stack goes on running. Try:
  .venv/bin/ooda watch               what the agent does, live
  .venv/bin/ooda status              how its services are
  .venv/bin/ooda scenarios list      what else can be broken
  .venv/bin/ooda stop                nothing is written until `ooda resume`
  make down                          remove all of it"""


def run_demo(cluster: Cluster) -> None:
    """Break the shop, one way after the other. Raises TestbedError if one was not healed."""
    settings = Settings.load()
    if settings.nats is None or settings.postgres is None:
        raise Refused("The configuration names no bus or no database: run make agent.")
    console = Console(highlight=False, soft_wrap=True)
    scenes = Scenes(console)
    stage = Stage(cluster.kubectl, SystemClock(), scenes, Person(settings.postgres))
    stage.let(Mode.AUTO)
    with cluster.steps.step("waiting until the agent knows what is good", "known-good"):
        _await_known_good(cluster.kubectl)
    turns = asyncio.run(_perform(stage, settings.nats, settings.cluster))
    scenes.say("\nWhat the database has of it:\n")
    for fault, turn in turns:
        scenes.chain(fault, asyncio.run(_record(settings.postgres, turn)))
    scenes.results(turns)
    scenes.say(_NEXT)
    if len(turns) < len(FAULTS) or not all(turn.healed for _, turn in turns):
        raise Unready("Not everything was healed: `.venv/bin/ooda status` says how the agent is.")


def _await_known_good(kubectl: Kubectl) -> None:
    catalog = f"knowngoods.ooda.dev/{CATALOG}"
    conditions = [
        "create",
        *(
            f"jsonpath={{.spec.workloads['{workload_key('Deployment', fault.deployment)}']}}"
            for fault in FAULTS
        ),
    ]
    for condition in conditions:
        kubectl(
            "-n", NAMESPACE, "wait", catalog, f"--for={condition}",
            f"--timeout={_KNOWN_DEADLINE:.0f}s", deadline=_KNOWN_DEADLINE,
        )  # fmt: skip


async def _perform(
    stage: Stage, nats: NatsSettings, cluster: ClusterSettings
) -> list[tuple[Fault, Turn]]:
    async with ApiServer.connect(cluster) as api:
        sources = [
            asyncio.create_task(stage.hear(nats)),
            asyncio.create_task(stage.watch(api)),
        ]
        playing = asyncio.create_task(stage.play(FAULTS))
        try:
            done, _ = await asyncio.wait([*sources, playing], return_when=asyncio.FIRST_COMPLETED)
            for source in done - {playing}:
                source.result()  # they go on for ever, or fail
            return await playing
        finally:
            for task in (*sources, playing):
                task.cancel()
            await asyncio.gather(*sources, playing, return_exceptions=True)


async def _record(postgres: PostgresSettings, turn: Turn) -> Sequence[TimelineEntry]:
    """Read the incident back, once its end is stored; what there is at the deadline."""
    engine = reading_engine(audit_url(postgres))
    stored: list[TimelineEntry] = []
    try:
        async with asyncio.timeout(_RECORD_DEADLINE):
            while not any(each.subject == IncidentClosed.subject for each in stored):
                stored = [
                    each for incident in turn.incidents for each in await timeline(engine, incident)
                ]
                await asyncio.sleep(_RECORD_PAUSE)
    except TimeoutError:
        pass
    finally:
        await engine.dispose()
    return stored
