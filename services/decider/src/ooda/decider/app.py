"""The composition root of the decider."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ooda.common.bus.consulting import answer_policy
from ooda.common.cluster.remarking import Remarking
from ooda.common.service import App, Consumption, Context
from ooda.common.topology import (
    DECIDER,
    DECIDER_PEOPLE,
    DECISIONS,
    POLICY_SUBJECT,
    Account,
    Service,
)
from ooda.decider.consulting import Consultant
from ooda.decider.core.playbook import Playbook, PlaybookError, held_for, parse_playbook
from ooda.decider.core.record import Entry
from ooda.decider.desk import Desk
from ooda.decider.handlers import Handlers
from ooda.decider.meters import Meters
from ooda.decider.notifying import Notifying

if TYPE_CHECKING:
    from ooda.decider.settings import DeciderSettings


async def compose(context: Context) -> App:
    """Put the decider together; records are loaded before the first event is handled.

    Raises PlaybookError, BusError.
    """
    settings: DeciderSettings = context.settings
    bus = context.bus(Account.LOOP)
    playbook = read_playbook(settings.playbook)
    if settings.hold_seconds is not None:
        playbook = held_for(playbook, settings.hold_seconds)
    meters = Meters(context.metrics)
    remarking = Remarking(bus, context.api, context.clock, Service.DECIDER, settings.identity)
    notifying = Notifying(remarking, settings.notify_urls)
    desk = Desk(
        bus.bucket(DECISIONS, Entry),
        notifying,
        context.api,
        context.clock,
        playbook,
        settings.limits(),
        meters,
    )
    meters.open.set_function(desk.count_open)
    await desk.load()
    handlers = Handlers(desk)
    consultant = Consultant(desk, playbook, settings.limits())
    return App(
        consumers=(
            Consumption(DECIDER, handlers.on_loop),
            Consumption(DECIDER_PEOPLE, handlers.on_answer),
        ),
        tasks=(desk.run, remarking.run, notifying.run),
        status=desk.status,
        answers={POLICY_SUBJECT: lambda body: answer_policy(body, consultant.consult)},
    )


def read_playbook(path: Path | None) -> Playbook:
    """Read the playbook of a file, or the one in the package. Raises PlaybookError."""
    try:
        packaged = files("ooda.decider").joinpath("playbook.yaml")
        text = path.read_text("utf-8") if path else packaged.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlaybookError(f"the playbook cannot be read: {error}") from error
    return parse_playbook(text)
