"""The NATS server: what it is, and whether JetStream can be used."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from ooda.common.reach import UnreachableError, reach, why
from ooda.common.settings import NatsSettings
from ooda.common.topology import inbox_prefix

_PING_SECONDS = 10
"""A server that leaves three of these unanswered is gone, whatever TCP makes of it."""

JETSTREAM_SHARE = 0.8
"""Part of the time that JetStream has to answer. It is silent when we may not ask; that is
found out before the caller's deadline, so that the reason can be given."""


@dataclass(frozen=True, slots=True)
class NatsFacts:
    """What a NATS server says about itself and about our account's JetStream."""

    version: str
    streams: int


@asynccontextmanager
async def connected(
    settings: NatsSettings,
    timeout: float,  # noqa: ASYNC109 - nats-py wants its own, next to the caller's deadline
    *,
    user: str | None = None,
    inbox: str | None = None,
) -> AsyncIterator[Client]:
    """Be connected for as long as a command of a person takes: no reconnecting, clear refusals.

    ``user`` and ``inbox`` (prefix) take the place of the configured user's. Errors of the server
    inside the block are explained too. Raises UnreachableError, or TimeoutError if the server does
    not answer within ``timeout`` s.
    """
    host, port = settings.address
    user = user or settings.user
    await reach("NATS", host, port)
    client = Client()
    errors: list[Exception] = []

    async def remember(error: Exception) -> None:
        errors.append(error)

    try:
        await client.connect(
            str(settings.url),
            user=user,
            password=settings.reveal_password(),
            name="ooda",
            error_cb=remember,
            allow_reconnect=False,
            # The client retries for ever with 0 and waits between tries: one more, at once.
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=math.ceil(timeout),
            ping_interval=_PING_SECONDS,
            inbox_prefix=inbox or (inbox_prefix(user) if user else "_INBOX"),
        )
        yield client
    except nats.js.errors.APIError as error:
        raise UnreachableError(
            f"NATS at {host}:{port} answers, but JetStream is not enabled for this user: "
            "start the server with a `jetstream` section, or enable it for the account."
        ) from error
    except nats.errors.Error as error:
        raise _explain(host, port, user, [*errors, error]) from error
    except TimeoutError:
        raise
    except OSError as error:
        raise UnreachableError(why("NATS", host, port, error)) from error
    finally:
        await client.close()


async def ask_nats(settings: NatsSettings, timeout: float) -> NatsFacts:  # noqa: ASYNC109 - as above
    """Connect, ask JetStream for the account, disconnect; no step waits longer than ``timeout`` s.

    Raises UnreachableError, or TimeoutError if the server does not answer.
    """
    async with connected(settings, timeout) as client:
        account = await client.jetstream(timeout=timeout * JETSTREAM_SHARE).account_info()
        version = client.connected_server_version
        return NatsFacts(f"{version.major}.{version.minor}.{version.patch}", account.streams)


def _explain(host: str, port: int, user: str | None, errors: list[Exception]) -> Exception:
    said = " ".join(str(error).lower() for error in errors)
    if "authentication timeout" in said:  # the server's own: one of us was slow, nobody refused
        return TimeoutError()
    if "authorization violation" in said or "authentication" in said:
        return UnreachableError(
            f"NATS at {host}:{port} refuses user {user or '(none)'}: "
            "correct user and password in [nats]."
        )
    if "permissions violation" in said:
        return UnreachableError(
            f"NATS at {host}:{port} does not let user {user or '(none)'} ask JetStream: "
            "grant it $JS.API.INFO."
        )
    for error in errors:
        if isinstance(error, TimeoutError):
            return TimeoutError()
        if isinstance(error, OSError):
            return UnreachableError(why("NATS", host, port, error))
    return UnreachableError(
        f"What listens at {host}:{port} does not speak NATS as we do ({errors[-1]}): "
        "correct the address in [nats] url."
    )
