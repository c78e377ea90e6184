"""Tell people that they are asked, by whatever Apprise knows: Slack, mail, a webhook, ...

What is told is what is published; it follows by a task of its own, bounded in time and tries, and
holds nothing up. The addresses hold tokens: they are never logged, nor is what a library says that
might quote them.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import apprise
import structlog
from pydantic import SecretStr

from ooda.common.bus.interface import Publisher
from ooda.common.events import Event, ReviewRequested
from ooda.decider.core.notices import Notice, notice_of

log = structlog.get_logger()

WAITING = 50
"""Notices that may wait; of more than that the newest are dropped."""

_QUIET = ("apprise", "urllib3", "requests")
"""Loggers that would tell an address, or the path of one, which is the token of many services."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one address is tried; all in seconds."""

    longest: float = 15.0
    """One try. A thread that hangs longer is left alone: it can do no more than end late."""
    pauses: tuple[float, ...] = (2.0, 10.0)
    """Before the second try, and so on."""


class Notifying:
    """A publisher that tells people what they are asked; ``run`` has to run beside it."""

    def __init__(
        self, publisher: Publisher, urls: SecretStr | None, patience: Patience | None = None
    ) -> None:
        self._publisher = publisher
        self._urls = tuple(urls.get_secret_value().split()) if urls is not None else ()
        self._patience = patience or Patience()
        self._waiting: asyncio.Queue[Notice] = asyncio.Queue(WAITING)

    async def publish(self, event: Event) -> None:
        """Publish, then have people told. Raises what the publisher raises."""
        await self._publisher.publish(event)
        if not self._urls or not isinstance(event, ReviewRequested):
            return
        try:
            self._waiting.put_nowait(notice_of(event))
        except asyncio.QueueFull:
            log.warning("too many notices wait, one is dropped", review_id=event.review_id)

    async def run(self) -> None:
        """Tell what waits, for ever, all addresses at once."""
        for each in _QUIET:
            # By level: the loggers below them have it too, which being disabled they have not.
            logging.getLogger(each).setLevel(logging.CRITICAL + 1)
        if not self._urls:
            await asyncio.Event().wait()
        # In a thread: the first address has Apprise load all the services that it knows.
        services = await asyncio.to_thread(_services, self._urls)
        while True:
            notice = await self._waiting.get()
            await asyncio.gather(*(self._tell(number, each, notice) for number, each in services))

    async def _tell(self, number: int, service: "Service", notice: Notice) -> None:
        for pause in (*self._patience.pauses, None):
            if await self._try(service, notice):
                log.info("told people", address=number, review_id=notice.review_id)
                return
            if pause is not None:
                await asyncio.sleep(pause)
        log.warning("people could not be told", address=number, review_id=notice.review_id)

    async def _try(self, service: "Service", notice: Notice) -> bool:
        try:
            async with asyncio.timeout(self._patience.longest):
                return await asyncio.to_thread(service.tell, notice)
        except Exception as error:  # noqa: BLE001 - whatever a service's plugin raises: the loop goes on
            # Its words may quote the address.
            log.warning("a try to tell people failed", error=type(error).__name__)
            return False


class Service:
    """One address, as Apprise understands it."""

    def __init__(self, url: str) -> None:
        self._apprise = apprise.Apprise()
        self.known = self._apprise.add(url)

    def tell(self, notice: Notice) -> bool:
        """Send it; False if that failed, for whatever reason."""
        return bool(self._apprise.notify(title=notice.title, body=notice.body))


def _services(urls: Sequence[str]) -> list[tuple[int, Service]]:
    found = []
    for number, url in enumerate(urls, 1):
        service = _service(url)
        if service is None:
            log.error("OODA_NOTIFY_URLS: no address that Apprise knows", address=number)
        else:
            found.append((number, service))
    return found


def _service(url: str) -> Service | None:
    try:
        service = Service(url)
    except Exception as error:  # noqa: BLE001 - a plugin that cannot be loaded must not end the loop
        log.warning("Apprise failed", error=type(error).__name__)
        return None
    return service if service.known else None
