"""From a decision to the first record of its action, judged by the API server in a dry run."""

import asyncio
from dataclasses import dataclass

from ooda.actor.core.guards import Fence
from ooda.actor.core.machine import RETRY
from ooda.actor.core.plan import Plan, Refusal, plan
from ooda.actor.core.record import ActionRecord, State, begin
from ooda.actor.core.verification import health
from ooda.actor.looking import Api, look_at_scene, look_at_source, mode_in
from ooda.actor.sightings import Sightings
from ooda.actor.writing import apply_step
from ooda.common.clock import Clock
from ooda.common.cluster.interface import Conflict, NotFound, Refused, Unavailable
from ooda.common.events import ActionRequest, DecisionMade
from ooda.common.taxonomy import Mode


@dataclass(frozen=True)
class Planner:
    """Plans on the live cluster; the dry run is its only call of the write path."""

    api: Api
    clock: Clock
    fence: Fence
    sightings: Sightings

    async def plan(
        self, decision: DecisionMade, request: ActionRequest, other: str | None
    ) -> ActionRecord:
        """Return the first record: planned, or ended with the reason why it cannot be.

        While the API server is away it is asked again until the decision expires. ``other`` is an
        action in flight on the same target.
        """
        while self.clock.now() < decision.valid_until:
            try:
                return await self._plan(decision, request, other)
            except Unavailable:
                await asyncio.sleep(RETRY.total_seconds())
        return self._first(decision, State.EXPIRED, "The decision expired before it was planned.")

    async def _plan(
        self, decision: DecisionMade, request: ActionRequest, other: str | None
    ) -> ActionRecord:
        first = self._first(decision, State.PLANNED, "The API server accepted a dry run.")
        if not await self._is_auto(decision, first.namespace):
            reason = f"Namespace {first.namespace} does not let the agent act by itself."
            return self._first(decision, State.REFUSED, reason)
        if other is not None:
            reason = f"Action {other} is in flight on {first.target}."
            return self._first(decision, State.REFUSED, reason)
        try:
            found = await self._steps(request)
        except (Conflict, NotFound) as error:
            return self._first(decision, State.CONFLICT, f"The dry run failed: {error}")
        except Refused as error:
            return self._first(decision, State.REFUSED, f"The API server refuses it: {error}")
        if isinstance(found, Refusal):
            return self._first(decision, State.REFUSED, found.reason)
        return first.model_copy(
            update={"steps": found.steps, "undo": found.undo, "before": found.before}
        )

    async def _is_auto(self, decision: DecisionMade, namespace: str | None) -> bool:
        if decision.mode is not Mode.AUTO:
            return False
        # What cannot be read now is read again before the write.
        return await mode_in(self.api, namespace) in (Mode.AUTO, None)

    async def _steps(self, request: ActionRequest) -> Plan | Refusal:
        found = plan(request, await look_at_scene(self.api, request))
        if isinstance(found, Refusal):
            return found
        fenced = self.fence.refuses(found.steps)
        if fenced is not None:
            return Refusal(fenced)
        for step in found.steps:
            live = await look_at_source(self.api, step)
            await apply_step(self.api, step, live, request.action_id, dry_run=True)
        return found

    def _first(self, decision: DecisionMade, state: State, reason: str) -> ActionRecord:
        now = self.clock.now()
        record = begin(decision, state, now, reason)
        seen = health(record, self.sightings.snapshot(record.namespace), now)
        ended = {"health_after": seen} if record.ended else {}
        return record.model_copy(update={"health_before": seen} | ended)
