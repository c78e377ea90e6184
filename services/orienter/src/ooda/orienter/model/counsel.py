"""Asks a model about an incident: a vote and what was said, always within the deadline."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from langchain_core.tools import BaseTool

from ooda.common.clock import Clock
from ooda.common.findings import Consultation, Ending, Finding
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.question import Fence, instructions, question
from ooda.orienter.core.records import Incident
from ooda.orienter.core.verdict import (
    Verdict,
    about_vote,
    candidates_of,
    schema,
    vote_of,
)
from ooda.orienter.core.weights import Weights
from ooda.orienter.meters import Meters
from ooda.orienter.model.client import opened
from ooda.orienter.model.conversation import Conversation, Minutes, NoVerdictError
from ooda.orienter.model.instruments import Instruments
from ooda.orienter.model.toolkit import Toolkit
from ooda.orienter.settings import ModelSettings

log = structlog.get_logger()

AT_ONCE = 2
"""Consultations at the same time; in a storm the others wait, within their deadline."""


@dataclass(frozen=True)
class Counsel:
    """What a model may use, and for how long."""

    tools: Mapping[str, BaseTool]
    limits: ModelSettings
    clock: Clock
    weights: Weights
    meters: Meters
    instruments: Instruments
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def consult(
        self,
        incident: Incident,
        findings: Sequence[Finding],
        graph: Graph,
        wanted: Callable[[], bool],
    ) -> tuple[Finding, Consultation]:
        """Return the model's vote, or that it has none, and what was said.

        Ends within the deadline, and raises nothing: without a vote the tools decide.
        """
        minutes, begun = Minutes(), time.monotonic()
        verdict: Verdict | None = None
        ending: Ending
        try:
            async with asyncio.timeout(self.limits.seconds), self._turn:
                verdict = await self._talk(incident, findings, graph, minutes, wanted)
            ending = "voted" if verdict.component else "abstained"
            reason = f"{verdict.failure_class} of {verdict.component or 'nothing'}"
        except TimeoutError:
            ending, reason = "late", f"no verdict within {self.limits.seconds:g} s"
        except NoVerdictError as error:
            ending, reason = error.ending, str(error)
        except Exception as error:
            # Whatever a model answers, the findings of the tools are published.
            log.exception("a consultation failed")
            ending, reason = "failed", f"failed: {type(error).__name__}"
        self.instruments.ended(ending)
        vote = vote_of(verdict, reason, about_vote(incident, self.clock.now()), self.weights)
        return vote, Consultation(
            model=self.limits.name,
            ending=ending,
            reason=reason,
            seconds=round(time.monotonic() - begun, 3),
            calls=minutes.calls,
            input_tokens=minutes.input_tokens,
            output_tokens=minutes.output_tokens,
            turns=tuple(minutes.turns),
        )

    async def _talk(
        self,
        incident: Incident,
        findings: Sequence[Finding],
        graph: Graph,
        minutes: Minutes,
        wanted: Callable[[], bool],
    ) -> Verdict:
        candidates, fence = candidates_of(incident, findings, graph), Fence(secrets.token_hex(8))
        answer = schema(candidates)
        spaces = (getattr(each, "namespace", None) for each in incident.components)
        toolkit = Toolkit(self.tools, frozenset(filter(None, spaces)), self.meters)
        with self.instruments.consulting(incident.incident_id):
            async with opened(self.limits) as model:
                conversation = Conversation(
                    model.bind_tools([*self.tools.values(), answer]),
                    model.bind_tools([answer]),
                    toolkit,
                    candidates,
                    fence,
                    self.limits,
                    self.instruments,
                    minutes,
                    wanted,
                )
                return await conversation.verdict(
                    instructions(fence, self.limits.calls),
                    question(incident, findings, candidates, fence),
                )
