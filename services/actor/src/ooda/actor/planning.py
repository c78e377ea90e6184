"""What an action would do on the live cluster, judged by the API server in a dry run."""

from dataclasses import dataclass, replace

from ooda.actor.core.guards import Fence
from ooda.actor.core.in_place import Starting
from ooda.actor.core.plan import Plan, Refusal, Scene, basis_of, plan
from ooda.actor.core.record import ActionRecord
from ooda.actor.looking import Api, look_at_scene, look_at_source, mode_at
from ooda.actor.writing import apply_step
from ooda.common.cluster.interface import Conflict, NotFound, Refused, Unavailable


@dataclass(frozen=True)
class Planner:
    """Plans on the live cluster; the dry run is its only call of the write path."""

    api: Api
    fence: Fence

    async def plan(
        self,
        record: ActionRecord,
        other: str | None,
        not_in_place: str | None = None,
        *,
        may_wait: bool = False,
    ) -> Plan | Refusal | Starting | None:
        """Return the exact steps, or why there are none; None if the API server did not answer.

        ``other`` is an older action in flight on the same target; ``not_in_place`` is why its pods
        are not to be changed while they run, if they are not, and ``may_wait`` whether one that is
        about to run is waited for.
        """
        if other is not None:
            return Refusal(f"Action {other} is in flight on {record.target}.")
        try:
            if not await self._is_allowed(record):
                reason = f"{record.place} does not let the agent act by itself."
                return Refusal(reason)
            return await self._steps(record, not_in_place, may_wait=may_wait)
        except Unavailable:
            return None
        except (Conflict, NotFound) as error:
            return Refusal(f"The dry run failed: {error}", conflict=True)
        except Refused as error:
            return Refusal(f"The API server refuses it: {error}")

    async def _is_allowed(self, record: ActionRecord) -> bool:
        if not record.allowed_in(record.mode):
            return False
        mode = await mode_at(self.api, record.target)
        # What cannot be read now is read again before the write.
        return mode is None or record.allowed_in(mode)

    async def _steps(
        self, record: ActionRecord, not_in_place: str | None, *, may_wait: bool
    ) -> Plan | Refusal | Starting:
        seen = await look_at_scene(self.api, record.request)
        scene = replace(seen, not_in_place=not_in_place, may_wait=may_wait)
        if record.approval is not None and basis_of(record.request, scene) != record.approval.basis:
            reason = f"{record.target} is not any more what {record.approval.person} approved."
            return Refusal(reason, conflict=True)
        return await self._judged(record, scene)

    async def _judged(self, record: ActionRecord, scene: Scene) -> Plan | Refusal | Starting:
        found = plan(record.request, scene)
        if not isinstance(found, Plan):
            return found
        fenced = self.fence.refuses(found.steps)
        if fenced is not None:
            return Refusal(fenced)
        try:
            await self._dry_run(record, found)
        except (NotFound, Refused) as error:
            if not found.in_place:
                raise
            # So says a cluster that it cannot, or not with these pods: there is another way.
            reason = f"the API server does not accept it ({error})"
            return await self._judged(record, replace(scene, not_in_place=reason))
        return found

    async def _dry_run(self, record: ActionRecord, found: Plan) -> None:
        for step in found.steps:
            live = await look_at_source(self.api, step)
            await apply_step(self.api, step, live, record.action_id, dry_run=True)
