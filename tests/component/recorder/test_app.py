from typing import Any, cast

from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from factories.events import NOW
from ooda.common.service import BatchConsumption, Context
from ooda.common.testing import FixedClock, MemoryBus
from ooda.common.topology import CONSUMERS, Account, Service
from ooda.recorder.app import compose
from ooda.recorder.settings import RecorderSettings


async def test_every_stream_is_recorded_in_batches() -> None:
    settings = RecorderSettings.model_validate({"postgres": {"url": "postgresql://127.0.0.1/a"}})
    buses: dict[Account, Any] = {account: MemoryBus(account) for account in Account}
    app = await compose(
        Context(
            settings=settings,
            cluster_id="a cluster",
            clock=FixedClock(NOW),
            bus=lambda account: buses[account],
            api=cast("Any", None),  # the recorder asks nothing of it
            tracer=NoOpTracer(),
            metrics=CollectorRegistry(),
        )
    )
    assert all(isinstance(each, BatchConsumption) for each in app.consumers)
    expected = {each for each in CONSUMERS if each.service is Service.RECORDER}
    assert {each.consumer for each in app.consumers} == expected
    assert app.ready()
    assert app.status() == {"database": "takes what it is given"}
