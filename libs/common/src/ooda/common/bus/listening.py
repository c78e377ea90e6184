"""Hear what is said on the bus, and ask the services how they are: for people, without a consumer.

Nothing is acknowledged and nothing is missed by anybody else: these are plain subscriptions, which
see what is published while they last.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ooda.common.bus.connection import connected
from ooda.common.events import Event, parse_event
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings
from ooda.common.topology import (
    LOOP_SERVICES,
    STATUS_SUBJECT,
    Account,
    Service,
    inbox_prefix,
    user_name,
)

_CONNECTING = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that was said on a subject."""

    subject: str
    payload: bytes

    def event(self) -> Event:
        """Read it. Raises ValueError if it is no event that we know."""
        return parse_event(self.subject, self.payload)


def account_of(subject: str) -> Account:
    """Return the account in which a subject, or a pattern of subjects, is spoken."""
    if subject.startswith("review.answered"):
        return Account.PEOPLE
    return Account.FAULTS if subject.startswith("fault.") else Account.LOOP


async def listen(settings: NatsSettings, subjects: Sequence[str]) -> AsyncIterator[Heard]:
    """Yield what is said on the subjects of one account from now on, until closed.

    Raises UnreachableError: the server cannot be reached, refuses, or went away.
    """
    account = account_of(subjects[0])
    user = user_name(Service.CLI, account)
    async with connected(settings, _CONNECTING, user=user, inbox=inbox_prefix(user)) as client:
        heard: asyncio.Queue[Heard] = asyncio.Queue()

        async def hear(message: Msg) -> None:
            heard.put_nowait(Heard(message.subject, message.data))

        for subject in subjects:
            await client.subscribe(subject, cb=hear)
        await client.flush(timeout=int(_CONNECTING))
        if client.last_error:
            raise client.last_error
        while True:
            yield await _next(client, heard)


async def _next(client: Client, heard: "asyncio.Queue[Heard]") -> Heard:
    while True:
        try:
            async with asyncio.timeout(1.0):
                return await heard.get()
        except TimeoutError:
            if client.is_connected and client.last_error:
                raise client.last_error from None  # a refusal can come after the flush
            if not client.is_connected:
                raise UnreachableError(
                    "NATS went away: `ooda doctor` says what it is."
                ) from client.last_error


async def ask_services(settings: NatsSettings, wait: float) -> Mapping[Service, Mapping[str, Any]]:
    """Ask every service of the loop how it is; those that do not answer in ``wait`` s are left out.

    Raises UnreachableError.
    """
    user = user_name(Service.CLI, Account.LOOP)
    async with connected(settings, _CONNECTING, user=user, inbox=inbox_prefix(user)) as client:

        async def ask(service: Service) -> Mapping[str, Any] | None:
            try:
                subject = STATUS_SUBJECT.format(service=service)
                reply = await client.request(subject, timeout=wait)
            except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
                return None
            answer: Mapping[str, Any] = json.loads(reply.data)
            return answer

        answers = await asyncio.gather(*(ask(service) for service in LOOP_SERVICES))
        return {
            service: answer
            for service, answer in zip(LOOP_SERVICES, answers, strict=True)
            if answer is not None
        }
