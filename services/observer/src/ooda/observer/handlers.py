"""What the observer hears on the bus: the agent's own actions explain what they do."""

from collections.abc import Awaitable, Callable

from ooda.common.bus.interface import Delivery, Handler
from ooda.common.events import ActionExecuted, ActionStarted
from ooda.observer.core.inputs import ActionNotice


def noticing(put: Callable[[ActionNotice], Awaitable[None]]) -> Handler:
    """Return the handler that tells the fold of actions."""

    async def handle(delivery: Delivery) -> None:
        match delivery.event:
            case ActionStarted(action_id=action_id, target=target):
                await put(ActionNotice(action_id, target, over=False))
            case ActionExecuted(action_id=action_id):
                await put(ActionNotice(action_id, None, over=True))

    return handle
