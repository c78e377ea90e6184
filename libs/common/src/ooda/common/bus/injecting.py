"""Ask the injector: about its scenarios, whether it would do something, and to do it.

The command line knows no scenario and no fence: the injector tells both.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Annotated, Literal

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import Header
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ooda.common.bus.connection import connected
from ooda.common.clock import SystemClock
from ooda.common.events import FaultEvent, FaultRequested, parse_event
from ooda.common.reach import UnreachableError
from ooda.common.run_reports import RunReport
from ooda.common.settings import NatsSettings
from ooda.common.topology import SCENARIOS_SUBJECT, Account, Service, inbox_prefix, user_name

_CONNECTING = 5.0  # seconds
_LOOKS_AGAIN = 1.0  # seconds until it is looked whether the connection is still there
_ANSWERS = dt.timedelta(seconds=5)  # within which a request is answered that came just in time


class NoLongerToldError(UnreachableError):
    """NATS took the request, and nobody tells, or tells any more, what becomes of the run."""


class ListScenarios(BaseModel):
    """Which scenarios there are."""

    ask: Literal["list"] = "list"


class DescribeScenario(BaseModel):
    """Everything about one scenario."""

    ask: Literal["describe"] = "describe"
    scenario: Annotated[str, Field(max_length=100)]


class TryFault(BaseModel):
    """What a request would do, after all checks; nothing is written."""

    ask: Literal["try"] = "try"
    request: FaultRequested


class EvaluateRun(BaseModel):
    """What came of a run, measured: stages, right or wrong, who repaired it."""

    ask: Literal["evaluate"] = "evaluate"
    run_id: Annotated[str, Field(max_length=100)]


Question = ListScenarios | DescribeScenario | TryFault | EvaluateRun
_QUESTIONS: TypeAdapter[Question] = TypeAdapter(Annotated[Question, Field(discriminator="ask")])


class ScenarioParameter(BaseModel):
    """A parameter in words."""

    name: str
    about: str
    bounds: str
    default: str | None


class ScenarioRow(BaseModel):
    """A scenario as people are told of it."""

    id: str
    title: str
    changes: str
    undo: str
    failure_class: str
    max_seconds: float
    intensity: str | None
    parameters: tuple[ScenarioParameter, ...]


class InjectorAnswer(BaseModel):
    """Scenarios, the steps of a request, or a report; or why not, with the code of it."""

    scenarios: tuple[ScenarioRow, ...] = ()
    lines: tuple[str, ...] = ()
    report: RunReport | None = None
    code: str | None = None
    error: str | None = None


async def answer_question(
    body: bytes, consult: Callable[[Question], Awaitable[InjectorAnswer]]
) -> bytes:
    """Answer a request."""
    try:
        question = _QUESTIONS.validate_json(body)
    except ValidationError:
        answer = InjectorAnswer(code="bad_request", error="The request is not understood.")
        return answer.model_dump_json().encode()
    return (await consult(question)).model_dump_json().encode()


async def ask_injector(settings: NatsSettings, question: Question, wait: float) -> InjectorAnswer:
    """Ask the injector.

    Raises UnreachableError: NATS or the injector is away, or it did not answer in ``wait`` s.
    """
    user = user_name(Service.CLI, Account.LOOP)
    async with connected(settings, _CONNECTING, user=user, inbox=inbox_prefix(user)) as client:
        try:
            reply = await client.request(
                SCENARIOS_SUBJECT, question.model_dump_json().encode(), timeout=wait
            )
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError) as error:
            raise UnreachableError(f"The injector did not answer within {wait:g} s.") from error
        return InjectorAnswer.model_validate_json(reply.data)


async def request_fault(
    settings: NatsSettings, request: FaultRequested
) -> AsyncGenerator[FaultEvent, None]:
    """Publish a request and yield what is said of its run, each once, for ever.

    Raises UnreachableError: NATS is away or does not take it; NoLongerToldError: it took it.
    """
    told: asyncio.Queue[FaultEvent] = asyncio.Queue()
    known: set[str] = set()

    async def hear(message: Msg) -> None:
        event = _event(message.subject, message.data)
        if event is None or event.run_id != request.run_id or event.event_id in known:
            return  # it may be said twice: who says it may not live to know that it was said
        known.add(event.event_id)
        told.put_nowait(event)

    user = user_name(Service.CLI, Account.FAULTS)
    async with connected(settings, _CONNECTING, user=user, inbox=inbox_prefix(user)) as client:
        await client.subscribe("fault.>", cb=hear)
        await client.flush(timeout=int(_CONNECTING))
        headers: Mapping[str, str] = {str(Header.MSG_ID.value): request.event_id}
        body = request.model_dump_json().encode()
        try:
            await client.jetstream(timeout=_CONNECTING).publish(
                request.subject, body, headers=dict(headers)
            )
        except nats.errors.TimeoutError as error:
            raise UnreachableError(
                f"NATS did not take the request: {client.last_error or 'no confirmation in time'}"
            ) from error
        answered = False
        while True:
            try:
                async with asyncio.timeout(_LOOKS_AGAIN):
                    event = await told.get()
            except TimeoutError:
                if client.is_closed:
                    raise NoLongerToldError("NATS is gone.") from None
                if not answered and SystemClock().now() > request.valid_until + _ANSWERS:
                    raise NoLongerToldError("No injector has answered: is it running?") from None
                continue
            answered = answered or not isinstance(event, FaultRequested)
            yield event


def _event(subject: str, body: bytes) -> FaultEvent | None:
    try:
        event = parse_event(subject, body)
    except ValueError:
        return None
    return event if isinstance(event, FaultEvent) else None
