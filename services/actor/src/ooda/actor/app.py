"""The composition root of the actor."""

from ooda.actor.core.guards import Fence
from ooda.actor.core.record import ActionRecord
from ooda.actor.driver import Driver
from ooda.actor.handlers import Handlers
from ooda.actor.meters import Meters
from ooda.actor.planning import Planner
from ooda.actor.settings import ActorSettings
from ooda.actor.sightings import Sightings
from ooda.common.cluster.remarking import Remarking
from ooda.common.modes import SYSTEM_NAMESPACES
from ooda.common.service import App, Consumption, Context
from ooda.common.topology import ACTIONS, ACTOR, ACTOR_TELEMETRY, Account, Service


async def compose(context: Context) -> App:
    """Put the actor together; records are loaded before the first event is handled."""
    settings = ActorSettings.model_validate(context.settings)
    bus = context.bus(Account.LOOP)
    sightings, meters = Sightings(), Meters(context.metrics)
    fence = Fence(SYSTEM_NAMESPACES | {settings.namespace}, settings.node_name)
    publisher = Remarking(bus, context.api, context.clock, Service.ACTOR, settings.identity)
    driver = Driver(
        bus.bucket(ACTIONS, ActionRecord),
        publisher,
        Planner(context.api, fence),
        context.clock,
        sightings,
        settings.namespace,
        meters,
    )
    meters.in_flight.set_function(driver.in_flight)
    handlers = Handlers(driver, sightings)
    await driver.load()
    return App(
        consumers=(
            Consumption(ACTOR, handlers.on_loop),
            Consumption(ACTOR_TELEMETRY, handlers.on_telemetry),
        ),
        tasks=(driver.run, publisher.run),
        status=driver.counts,
    )
