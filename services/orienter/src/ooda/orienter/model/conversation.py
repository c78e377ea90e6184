"""One conversation with a model: question, tool calls, verdict, within its limits."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable
from langsmith import tracing_context

from ooda.common.findings import TURN_LIMIT, TURNS_LIMIT, Ending, Turn
from ooda.common.phrases import shortened
from ooda.orienter.core.plain import plain
from ooda.orienter.core.question import Fence
from ooda.orienter.core.verdict import TOOL, Candidates, Verdict, verdict_of
from ooda.orienter.model.instruments import Instruments, Usage
from ooda.orienter.model.toolkit import Toolkit
from ooda.orienter.settings import ModelSettings

TOOLS_AT_ONCE = 4
"""Tool calls of one reply that are answered; further ones are told to come later."""

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb, where the endpoint does not count."""


class NoVerdictError(Exception):
    """The conversation ended without a verdict; the message says why, without what was sent."""

    def __init__(self, ending: Ending, reason: str) -> None:
        super().__init__(reason)
        self.ending: Ending = ending


@dataclass
class Minutes:
    """What was said and what it cost so far: also when the time is up in the middle."""

    turns: list[Turn] = field(default_factory=list)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def say(self, speaker: Literal["agent", "model", "tool"], text: str) -> None:
        """Keep a turn, masked and then cut; beyond the limit none is kept."""
        if text and len(self.turns) < TURNS_LIMIT:
            self.turns.append(Turn(speaker=speaker, text=shortened(plain(text), TURN_LIMIT)))


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who talks about what, and how much."""

    model: Runnable[LanguageModelInput, AIMessage]
    """It may call the tools and give the verdict."""
    closing: Runnable[LanguageModelInput, AIMessage]
    """The same model, which can only give the verdict: for the last reply."""
    toolkit: Toolkit
    candidates: Candidates
    fence: Fence
    limits: ModelSettings
    instruments: Instruments
    minutes: Minutes
    wanted: Callable[[], bool]

    async def verdict(self, instructions: str, question: str) -> Verdict:
        """Talk until there is a verdict. Raises NoVerdictError."""
        messages: list[BaseMessage] = [SystemMessage(instructions), HumanMessage(question)]
        self.minutes.say("agent", question)
        for number in range(1, self.limits.calls + 1):
            if not self.wanted():
                raise NoVerdictError("no_verdict", "the incident went on meanwhile")
            last = number == self.limits.calls
            reply = await self._reply(self.closing if last else self.model, messages)
            messages.append(reply)
            found = await self._answer(reply, messages)
            if found is not None:
                return found
        raise NoVerdictError("no_verdict", f"no verdict within {self.limits.calls} replies")

    async def _reply(
        self, model: Runnable[LanguageModelInput, AIMessage], messages: Sequence[BaseMessage]
    ) -> AIMessage:
        spent = self.minutes.input_tokens + self.minutes.output_tokens
        next_one = _estimate(messages) + self.limits.reply_tokens
        if spent + next_one > self.limits.tokens:
            raise NoVerdictError("over_limit", f"{spent} of {self.limits.tokens} tokens are spent")
        self.minutes.calls += 1
        with self.instruments.calling() as usage:
            try:
                # LangSmith's variables in the environment must not send it anywhere else.
                with tracing_context(enabled=False):
                    reply = await model.ainvoke(list(messages))
            except Exception as error:  # noqa: BLE001 - whatever an endpoint provokes in the library
                usage.failed = _kind(error)
                raise NoVerdictError("failed", f"the endpoint failed: {usage.failed}") from None
            if not reply.response_metadata.get("finish_reason"):
                usage.failed = "incomplete"
                raise NoVerdictError("failed", "the endpoint failed: its reply is not complete")
            _count(reply, messages, usage)
        self.minutes.input_tokens += usage.input_tokens
        self.minutes.output_tokens += usage.output_tokens
        self.minutes.say("model", _as_text(reply))
        return reply

    async def _answer(self, reply: AIMessage, messages: list[BaseMessage]) -> Verdict | None:
        """Return the verdict, or add to the messages what the model has to know to give one."""
        for number, call in enumerate(reply.tool_calls):
            if call["name"] == TOOL:
                found = verdict_of(call["args"], self.candidates)
                if isinstance(found, Verdict):
                    return found
                text = f"Not accepted: {found}."
            elif number >= TOOLS_AT_ONCE:
                text = f"Not called: at most {TOOLS_AT_ONCE} at once."
            else:
                text = await self._tool(call["name"], call["args"])
            messages.append(ToolMessage(text, tool_call_id=call["id"] or ""))
            self.minutes.say("tool", text)
        messages += [
            ToolMessage("Not called: arguments are no JSON.", tool_call_id=broken["id"] or "")
            for broken in reply.invalid_tool_calls
        ]
        if not reply.tool_calls and not reply.invalid_tool_calls:
            messages.append(HumanMessage(f"Answer by calling {TOOL}."))
        return None

    async def _tool(self, name: str, arguments: Mapping[str, Any]) -> str:
        known = name in self.toolkit.tools
        with self.instruments.using(name if known else "unknown"):
            answer = await self.toolkit.answer(name, arguments)
        return self.fence.around(answer)


def _estimate(messages: Sequence[BaseMessage]) -> int:
    return sum(len(str(each.text)) for each in messages) // CHARACTERS_PER_TOKEN


def _count(reply: AIMessage, messages: Sequence[BaseMessage], usage: Usage) -> None:
    """Believe the endpoint's count, unless it has none or less than none."""
    usage.failed = None
    told = reply.usage_metadata
    read, written = (told["input_tokens"], told["output_tokens"]) if told else (0, 0)
    usage.input_tokens = read if read > 0 else _estimate(messages)
    usage.output_tokens = written if written > 0 else len(_as_text(reply)) // CHARACTERS_PER_TOKEN
    answered_by = reply.response_metadata.get("model_name")
    usage.answered_by = plain(str(answered_by))[:200] if answered_by else None


def _kind(error: Exception) -> str:
    """Name an error without its message: an endpoint may quote the key, or what was sent."""
    status = getattr(error, "status_code", None)
    return str(status) if isinstance(status, int) else type(error).__name__


def _as_text(reply: AIMessage) -> str:
    calls = [f"{call['name']} {json.dumps(call['args'])}" for call in reply.tool_calls]
    broken = [f"{call['name']} {call['args']}" for call in reply.invalid_tool_calls]
    return "\n".join([part for part in (str(reply.text), *calls, *broken) if part])
