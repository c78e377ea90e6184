"""The composition root."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from langchain_core.tools import BaseTool

from ooda.common import topology
from ooda.common.service import App, Consumption, Context
from ooda.common.topology import Account
from ooda.orienter.announcing import Announcer
from ooda.orienter.core.records import Incident
from ooda.orienter.core.weights import Weights
from ooda.orienter.diagnosing import Diagnosing
from ooda.orienter.handlers import Handlers
from ooda.orienter.inquiry import Inquiry
from ooda.orienter.meters import Meters
from ooda.orienter.prometheus import Metrics, NoPrometheus, Prometheus
from ooda.orienter.settings import ModelSettings, OrienterSettings
from ooda.orienter.sight import Sight
from ooda.orienter.store import Incidents
from ooda.orienter.tools.toolbox import Toolbox
from ooda.orienter.weights_file import load_weights

if TYPE_CHECKING:
    from ooda.orienter.model.counsel import Counsel


async def compose(context: Context) -> App:
    """Read weights and records, and join the parts.

    Raises BusUnavailableError, ValueError if the weights are not complete.
    """
    settings: OrienterSettings = context.settings
    weights, sight, clock = load_weights(), Sight(), context.clock
    bus, meters = context.bus(Account.LOOP), Meters(context.metrics)
    store = Incidents(bus.bucket(topology.INCIDENTS, Incident))
    await store.load()
    tools = Toolbox(context.api, _metrics(settings), sight, clock, weights).tools()
    diagnosing = Diagnosing(
        store,
        bus,
        Announcer(context.cluster_id),
        Inquiry(tools, clock, meters),
        sight,
        clock,
        weights,
        meters,
        _counsel(context, tools, weights, meters),
    )
    meters.open.set_function(store.count_open)
    handlers = Handlers(store, diagnosing, sight, clock, weights)
    return App(
        consumers=(
            Consumption(topology.ORIENTER_TELEMETRY, handlers.telemetry),
            Consumption(topology.ORIENTER, handlers.loop),
        ),
        tasks=(diagnosing.work,),
        status=lambda: _status(store),
    )


def _counsel(
    context: Context, tools: Mapping[str, BaseTool], weights: Weights, meters: Meters
) -> "Counsel | None":
    """Return the model, if one is configured: only then its libraries are loaded."""
    settings: ModelSettings | None = context.settings.model
    if settings is None:
        return None
    from ooda.orienter.model.counsel import Counsel  # noqa: PLC0415 - as said above
    from ooda.orienter.model.instruments import instruments  # noqa: PLC0415 - same

    watching = instruments(context.metrics, context.tracer, settings)
    return Counsel(tools, settings, context.clock, weights, meters, watching)


def _metrics(settings: OrienterSettings) -> Metrics:
    return Prometheus(str(settings.prometheus_url)) if settings.prometheus_url else NoPrometheus()


def _status(store: Incidents) -> Mapping[str, str]:
    states = Counter(incident.state for incident in store.book.values())
    pending = sum(incident.pending for incident in store.book.values())
    return {"incidents open": str(states["open"]), "diagnoses pending": str(pending)}
