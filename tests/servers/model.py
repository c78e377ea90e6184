"""A language model that says what a test tells it to, behind OpenAI's interface over real HTTP.

It keeps every byte that it was sent, and streams its answers if it is asked to.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What it does with one request."""

    text: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any] | str]] = ()
    """Tools and their arguments; a text is sent as it is."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    """Seconds before the first byte."""
    when: asyncio.Event | None = None
    """It waits for this, too."""
    breaks: bool = False
    """The connection ends in the middle of the answer."""
    raw: bytes | None = None
    """A body that is none of the interface's."""
    usage: Json | None = field(
        default_factory=lambda: {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 110,
        }
    )


Script = Callable[[int, Json], Answer]
"""From the number of a request, counted from one, and its body to the answer."""


@dataclass
class ModelServer:
    """One endpoint."""

    script: Script
    port: int = 0
    wire: bytearray = field(default_factory=bytearray)
    bodies: list[Json] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (body := await self._request(reader)) is not None:
                self.bodies.append(body)
                answer = self.script(len(self.bodies), body)
                await asyncio.sleep(answer.after)
                if answer.when is not None:
                    await answer.when.wait()
                whole = _response(answer, stream=bool(body.get("stream")))
                writer.write(whole[: len(whole) // 2] if answer.breaks else whole)
                await writer.drain()
                if answer.breaks:
                    return
        except ConnectionError:
            return  # who asked went away
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> Json | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        lengths = [
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        body = await reader.readexactly(lengths[0])
        self.wire += head + body
        return dict(json.loads(body))


@asynccontextmanager
async def model_server(script: Script) -> AsyncIterator[ModelServer]:
    """Yield an endpoint on a free loopback port."""
    model = ModelServer(script)
    talks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(model.serve(reader, writer))
        talks.add(task)
        await asyncio.wait([task])

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    model.port = server.sockets[0].getsockname()[1]
    try:
        yield model
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def _response(answer: Answer, *, stream: bool) -> bytes:
    if answer.raw is not None:
        return _framed(answer, "application/json", answer.raw)
    if answer.status >= 400:
        problem = {"error": {"message": f"scripted {answer.status}", "type": "scripted"}}
        return _framed(answer, "application/json", json.dumps(problem).encode())
    if stream:
        return _framed(answer, "text/event-stream", _events(answer))
    message = {"role": "assistant", "content": answer.text or None, "tool_calls": _calls(answer)}
    choice = {"index": 0, "message": message, "finish_reason": _finish(answer)}
    whole = _about("chat.completion") | {"choices": [choice], "usage": answer.usage}
    return _framed(answer, "application/json", json.dumps(whole).encode())


def _events(answer: Answer) -> bytes:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": part} for part in answer.text.split(" ") if part]
    for index, call in enumerate(_calls(answer)):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        deltas.append(
            {"tool_calls": [{**call, "index": index, "function": {"name": name, "arguments": ""}}]}
        )
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": arguments[at : at + 7]}}]}
            for at in range(0, len(arguments), 7)
        ]
    chunks: list[Json] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": _finish(answer)}]})
    chunks.append({"choices": [], "usage": answer.usage})
    events = [json.dumps(_about("chat.completion.chunk") | chunk) for chunk in chunks]
    return "".join(f"data: {each}\n\n" for each in [*events, "[DONE]"]).encode()


def _about(kind: str) -> Json:
    return {"id": "chat-1", "object": kind, "created": 0, "model": "scripted-1"}


def _calls(answer: Answer) -> list[Json]:
    return [
        {
            "id": f"call-{number}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": given if isinstance(given, str) else json.dumps(dict(given)),
            },
        }
        for number, (name, given) in enumerate(answer.calls)
    ]


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.calls else "stop"


def _framed(answer: Answer, content_type: str, body: bytes) -> bytes:
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
