"""Plays the demo: breaks, listens, watches."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ooda.common.bus.listening import listen
from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterWatcher, Delta
from ooda.common.cluster.kinds import Kind
from ooda.common.events import Event, TelemetrySnapshot
from ooda.common.modes import MODE_LABEL
from ooda.common.settings import NatsSettings
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import Mode
from ooda.common.topology import LOOP, TELEMETRY
from ooda.testbed.demo.faults import NAMESPACE, Fault
from ooda.testbed.demo.injection import injected
from ooda.testbed.demo.person import Person
from ooda.testbed.demo.scenes import Scenes
from ooda.testbed.demo.turn import Object, Turn
from ooda.testbed.errors import Unready
from ooda.testbed.kubectl import Kubectl

_QUIET_DEADLINE = 60.0  # seconds until a snapshot says that nothing is wrong
_TURN_DEADLINE = 120.0


@dataclass
class Stage:
    """The shop's namespace, with everything that is heard and seen of it in one queue."""

    kubectl: Kubectl
    clock: Clock
    scenes: Scenes
    person: Person
    _news: "asyncio.Queue[Event | Object]" = field(default_factory=asyncio.Queue)
    _deployments: dict[str, Object] = field(default_factory=dict)

    async def hear(self, nats: NatsSettings) -> None:
        """Take in what is said on the bus, for ever. Raises UnreachableError."""
        async for heard in listen(nats, (*LOOP.subjects, *TELEMETRY.subjects)):
            with suppress(ValueError):  # what cannot be read is no news of the shop
                event = heard.event()
                if event.namespace == NAMESPACE:
                    self._news.put_nowait(event)

    async def watch(self, api: ClusterWatcher) -> None:
        """Take in what becomes of the Deployments, for ever. Raises ClusterError."""
        async for change in api.watch(Kind.DEPLOYMENT, NAMESPACE):
            if isinstance(change, Delta) and change.change != "deleted":
                self._news.put_nowait(change.object)

    async def play(self, faults: Sequence[Fault]) -> list[tuple[Fault, Turn]]:
        """Break, watch, and go on when it is well again; end after the first that is not."""
        turns: list[tuple[Fault, Turn]] = []
        for number, fault in enumerate(faults, start=1):
            await self._quiet(fault)
            self.let(fault.mode)
            self.scenes.opening(number, fault)
            try:
                turn = await self._turn(fault)
            finally:
                self.let(Mode.AUTO)
            turns.append((fault, turn))
            if not turn.healed:
                break
        return turns

    def let(self, mode: Mode) -> None:
        """Be the operator who says how far the agent may go in the shop."""
        self.kubectl("label", "namespace", NAMESPACE, f"{MODE_LABEL}={mode}", "--overwrite")

    async def _quiet(self, fault: Fault) -> None:
        """Wait until a snapshot says that the shop is well, and the target is known.

        Raises Unready.
        """
        try:
            async with asyncio.timeout(_QUIET_DEADLINE):
                while True:
                    news = await self._next()
                    if (
                        isinstance(news, TelemetrySnapshot)
                        and not news.anomalies
                        and not any(each.stale for each in news.freshness)
                        and fault.deployment in self._deployments
                    ):
                        return
        except TimeoutError:
            raise Unready(
                f"No snapshot of {NAMESPACE} without an anomaly within {_QUIET_DEADLINE:.0f} s: "
                "ask the services (`.venv/bin/ooda status`), look at the shop's pods."
            ) from None

    async def _turn(self, fault: Fault) -> Turn:
        before = self._deployments[fault.deployment]
        target = WorkloadTarget(
            namespace=NAMESPACE, workload_kind="Deployment", name=fault.deployment
        )
        turn = Turn(target, before, self.clock.now())
        async with injected(fault.arguments, self.scenes.injector):
            try:
                async with asyncio.timeout(_TURN_DEADLINE):
                    while not turn.over:
                        turn = await self._go_on(fault, turn)
            except TimeoutError:
                self.scenes.say(f"Not healed within {_TURN_DEADLINE:.0f} s.")
        return turn

    async def _go_on(self, fault: Fault, turn: Turn) -> Turn:
        turn = self._told(fault, turn, await self._next())
        if fault.mode is Mode.PROPOSE and turn.question and not turn.approved:
            told = await self.person.approve(turn.question)
            self.scenes.approval(turn.question, told)
            return turn.answered()
        return turn

    def _told(self, fault: Fault, turn: Turn, news: Event | Object) -> Turn:
        """Print and take in one thing."""
        if not isinstance(news, Event):
            return self._told_state(fault, turn, news)
        if not isinstance(news, TelemetrySnapshot):
            self.scenes.event(news.occurred_at - turn.broken, news.subject, news.summary)
        return turn.heard(news)

    def _told_state(self, fault: Fault, turn: Turn, deployment: Object) -> Turn:
        if deployment["metadata"]["name"] != fault.deployment:
            return turn
        now = self.clock.now()
        after = turn.seen(deployment, now)
        if after is not turn:
            self.scenes.healthy(now - turn.broken, fault)
        return after

    async def _next(self) -> Event | Object:
        news = await self._news.get()
        if not isinstance(news, Event):
            self._deployments[news["metadata"]["name"]] = news
        return news
