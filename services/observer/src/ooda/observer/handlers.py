"""What the observer hears on the bus: the agent's own actions explain what they do."""

from collections.abc import Awaitable, Callable

from ooda.common.bus.interface import Delivery, Handler
from ooda.common.events import ActionExecuted, ActionStarted
from ooda.observer.core.inputs import ActionNotice

Listener = Callable[[ActionNotice], Awaitable[None]]


def noticing(put: Listener, write_down: Listener) -> Handler:
    """Return the handler that tells the fold of actions.

    They are written down too, before the event is acknowledged: it is not told again to the next
    observer, which has to know what goes on.
    """

    async def handle(delivery: Delivery) -> None:
        match delivery.event:
            case ActionStarted(action_id=action_id, target=target):
                notice = ActionNotice(action_id, target, over=False)
            case ActionExecuted(action_id=action_id):
                notice = ActionNotice(action_id, None, over=True)
            case _:
                return
        await put(notice)
        await write_down(notice)

    return handle
