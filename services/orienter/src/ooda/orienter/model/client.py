"""Opens the model: LangChain's client of OpenAI-compatible endpoints, imported only here.

It costs about 60 MB and seconds of start, which nobody pays who has no model.
"""

import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ooda.orienter.settings import ModelSettings

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel

ANSWER_LIMIT = 256 * 1024
"""Bytes of one reply that are read: an endpoint must not fill our memory within its seconds."""

_LIBRARIES = ("openai", "httpx", "httpcore", "langchain_openai", "langsmith")
"""At debug they log requests whole."""

_NO_KEY = "none"
"""Sent where no key is given: servers of one's own ask for none, the client insists on one."""


def open_model(settings: ModelSettings) -> "BaseChatModel":
    """Return the model; nothing is sent yet.

    The library retries nothing: within the deadline a second try would only take the time of
    answers, and a server that says "later" is better believed.
    """
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - the reason of this module

    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return ChatOpenAI(
        model=settings.name,
        base_url=str(settings.url).rstrip("/"),
        api_key=lambda: key or _NO_KEY,
        timeout=settings.seconds,
        max_retries=0,
        max_tokens=settings.reply_tokens,
        streaming=settings.stream,
        stream_usage=settings.stream,
        use_responses_api=False,
        http_async_client=_http(),
    )


def _http() -> "httpx.AsyncClient":
    """Return a client that follows no redirect: what is sent goes where the operator said."""
    import httpx  # noqa: PLC0415 - comes with the library above

    class Bounded(httpx.AsyncByteStream):
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

    async def bound(response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = Bounded(response.stream)

    # Not compressed: the bytes that are counted are the bytes that are kept.
    return httpx.AsyncClient(
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bound]},
    )
