"""A person's answer to a review: said as that person, and what the decider makes of it."""

import asyncio

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import Header

from ooda.common.bus.connection import connected
from ooda.common.events import ReviewAnswered, ReviewSettled
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings, PersonSettings
from ooda.common.topology import Account, Service, inbox_prefix, user_name

_CONNECTING = 5.0
"""Seconds, for each of the two connections: the answer is another account's than its outcome."""


async def answer_review(
    settings: NatsSettings, person: PersonSettings, answer: ReviewAnswered, wait: float
) -> ReviewSettled | None:
    """Store an answer and return what came of it, None if that was not told in ``wait`` s.

    Raises UnreachableError: NATS is away or does not let this person say this. The answer may
    have been stored even so; the same one again is the same.
    """
    told: asyncio.Future[ReviewSettled] = asyncio.get_running_loop().create_future()

    async def hear(message: Msg) -> None:
        event = _settled(message.data)
        if event is not None and event.answer_id == answer.event_id and not told.done():
            told.set_result(event)

    user = user_name(Service.CLI, Account.LOOP)
    async with connected(settings, _CONNECTING, user=user, inbox=inbox_prefix(user)) as client:
        await client.subscribe(ReviewSettled.subject, cb=hear)
        await client.flush(timeout=int(_CONNECTING))
        await _say(settings, person, answer)
        try:
            async with asyncio.timeout(wait):
                return await told
        except TimeoutError:
            return None


def _settled(body: bytes) -> ReviewSettled | None:
    try:
        return ReviewSettled.model_validate_json(body)
    except ValueError:
        return None  # of a newer decider, or none at all: not ours to judge


async def _say(settings: NatsSettings, person: PersonSettings, answer: ReviewAnswered) -> None:
    own = settings.model_copy(update={"user": person.name, "password": person.password})
    async with connected(own, _CONNECTING) as client:
        jetstream = client.jetstream(timeout=_CONNECTING)
        headers = {str(Header.MSG_ID.value): answer.event_id}
        try:
            await jetstream.publish(
                answer.subject_of(), answer.model_dump_json().encode(), headers=headers
            )
        except nats.errors.TimeoutError as error:
            # A refused subject is told to the connection; the call itself times out.
            raise UnreachableError(
                f"NATS did not take the answer of {person.name}: "
                f"{client.last_error or 'no confirmation in time'}"
            ) from error
