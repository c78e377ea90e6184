"""Opens the model: LangChain's client of OpenAI-compatible endpoints.

It costs some 30 MB and a second of start: nobody imports this package who has no model.
"""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI

from ooda.orienter.settings import ModelSettings

ANSWER_LIMIT = 256 * 1024
"""Bytes of one reply that are read: an endpoint must not fill our memory within its seconds."""

_NO_KEY = "none"
"""Sent where no key is given: servers of one's own ask for none, the client insists on one."""

# At debug they log requests whole.
for _name in ("openai", "httpx", "httpcore", "langchain_openai", "langsmith"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@asynccontextmanager
async def opened(settings: ModelSettings) -> AsyncIterator[BaseChatModel]:
    """Yield the model, with connections of its own that are closed afterwards.

    The library retries nothing: a second try would only take the time of answers, and a server
    that says "later" is better believed. No redirect is followed: what is sent goes where the
    operator said.
    """
    # A Secret that was made from a file ends with a line end, which no header may have.
    key = settings.api_key.get_secret_value().strip() if settings.api_key else _NO_KEY
    async with httpx.AsyncClient(
        verify=_certificates(),
        follow_redirects=False,
        # Not compressed: the bytes that are counted are the bytes that are kept.
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
    ) as http:
        yield ChatOpenAI(
            model=settings.name,
            base_url=str(settings.url).rstrip("/"),
            api_key=lambda: key,
            timeout=settings.seconds,
            max_retries=0,
            max_tokens=settings.reply_tokens,
            streaming=settings.stream,
            stream_usage=settings.stream,
            use_responses_api=False,
            http_async_client=http,
        )


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Return who is trusted, read once: it takes a tenth of a second in which nothing else runs."""
    return httpx.create_ssl_context()


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = ANSWER_LIMIT
        async for part in self._stream:
            left -= len(part)
            if left < 0:
                raise httpx.ReadError("the reply is too long")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx.Response) -> None:
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Bounded(response.stream)
