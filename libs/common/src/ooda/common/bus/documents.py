"""Documents of the bus, generated: an AsyncAPI 3 document per service, a JSON schema per event."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faststream.nats import JStream, NatsBroker, PullSub
from faststream.specification import AsyncAPI

from ooda.common import topology
from ooda.common.bus.subjects import covers
from ooda.common.events import EVENTS, DeadLetter, Event
from ooda.common.run_reports import RunReport
from ooda.common.topology import Account, Consumer, Service

VERSION = "1"
"""Of the contract: the ``version`` of its events."""
DESCRIBED = (*topology.LOOP_SERVICES, Service.INJECTOR)


def write_documents(documents: dict[str, str], directory: Path) -> None:
    """Write documents by file name; what else of their kind is there goes."""
    directory.mkdir(parents=True, exist_ok=True)
    for stale in directory.glob("*.json"):
        if stale.name not in documents:
            stale.unlink()
    for name, text in documents.items():
        (directory / name).write_text(text)


def event_schemas() -> dict[str, str]:
    """Return the JSON schema of each event by file name."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        f"{event.subject.replace('*', 'person')}.json": _json(dialect | event.model_json_schema())
        for event in EVENTS
    }


def report_schemas() -> dict[str, str]:
    """Return the JSON schema of the evaluation of a run by file name."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema = RunReport.model_json_schema(mode="serialization")
    return {"run-report.json": _json(dialect | schema)}


def service_documents() -> dict[str, str]:
    """Return the AsyncAPI document of each service by file name."""
    return {f"{service}.json": _json(_document(service)) for service in DESCRIBED}


def _document(service: Service) -> dict[str, Any]:
    """Describe with a broker that is never started."""
    broker = NatsBroker("nats://nats:4222")
    for consumer in topology.CONSUMERS:
        if consumer.service is service:
            for event in _given(consumer):
                _receives(broker, consumer, event)
    own = topology.TOLD_OF_FAULTS if service is Service.INJECTOR else topology.PUBLISHES[service]
    said: tuple[type[Event], ...] = (*own, DeadLetter)
    for event in said:
        broker.publisher(event.subject, schema=event, title=f"{event.subject} (publish)")
    described = AsyncAPI(
        broker,
        title=f"ooda-{service}",
        version=VERSION,
        description=f"What the {service} is given and what it says; generated, do not edit.",
    ).to_specification()
    document: dict[str, Any] = described.to_jsonable()
    return document


def _given(consumer: Consumer) -> Iterator[type[Event]]:
    for event in EVENTS:
        if any(covers(pattern, event.subject) for pattern in consumer.subjects):
            yield event


def _receives(broker: NatsBroker, consumer: Consumer, event: type[Event]) -> None:
    async def handle(message: Any) -> None:
        raise NotImplementedError

    handle.__annotations__["message"] = event
    account = consumer.stream.account
    title = event.subject if account is Account.LOOP else f"{event.subject} in {account}"
    broker.subscriber(
        event.subject,
        stream=JStream(consumer.stream.name, declare=False),
        durable=consumer.durable,
        pull_sub=PullSub(),
        title=title,
        description=event.__doc__,
    )(handle)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
