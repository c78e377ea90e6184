"""The composition root."""

from ooda.common.service import App, Consumption, Context
from ooda.common.topology import BASELINES, OBSERVER, Account
from ooda.observer.catalog import Catalog
from ooda.observer.core.sources import WATCHED
from ooda.observer.core.state import Rules, initial
from ooda.observer.handlers import noticing
from ooda.observer.ledger import Books, Ledger
from ooda.observer.listener import Listener
from ooda.observer.meters import Meters
from ooda.observer.observation import Observation
from ooda.observer.settings import ObserverSettings


async def compose(context: Context) -> App:
    """Read what was open and going on, and put the parts together."""
    bus = context.bus(Account.LOOP)
    ledger = Ledger(bus.bucket(BASELINES, Books), bus, context.clock)
    catalog = Catalog(context.api, context.api)
    books = await ledger.read()
    state = initial(_rules(context.settings, context.cluster_id), books.flagged, books.actions)
    meters = Meters(context.metrics)
    listener = Listener(context.api)
    observation = Observation(state, context.clock, ledger, catalog, bus, meters, listener)
    return App(
        consumers=(Consumption(OBSERVER, noticing(observation.put, ledger.note)),),
        tasks=(
            observation.fold,
            observation.tick,
            observation.listen,
            observation.publish_snapshots,
            ledger.run,
            catalog.run,
            *(observation.watching(context.api, kind) for kind in sorted(WATCHED)),
        ),
        status=observation.status,
    )


def _rules(settings: ObserverSettings, cluster_id: str) -> Rules:
    return Rules(
        cluster_id=cluster_id,
        own_namespace=settings.namespace,
        namespaces=frozenset(settings.namespaces),
        excluded=frozenset(settings.excluded_namespaces),
        settle_seconds=settings.settle_seconds,
        snapshot_seconds=settings.snapshot_seconds,
    )
