"""Ask the decider about its policy: request and reply, as for the status; nothing is changed.

A playbook is checked by the decider that would use it, and what would be done is told by the one
that does it: the command line knows no policy.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import nats.errors
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ooda.common.bus.connection import connected
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings
from ooda.common.topology import POLICY_SUBJECT, Account, Service, inbox_prefix, user_name


class CheckPlaybook(BaseModel):
    """Whether a text is a playbook that can be used."""

    ask: Literal["check"] = "check"
    text: Annotated[str, Field(max_length=256 * 1024)]


class ExplainPolicy(BaseModel):
    """What is done about a failure class, or would be about an incident (the id's beginning)."""

    ask: Literal["explain"] = "explain"
    about: Annotated[str, Field(max_length=100)]


Question = CheckPlaybook | ExplainPolicy
_QUESTIONS: TypeAdapter[Question] = TypeAdapter(Annotated[Question, Field(discriminator="ask")])


class PolicyAnswer(BaseModel):
    """Sentences for a person; ``error`` is why there are none, or what is wrong."""

    lines: tuple[str, ...] = ()
    error: str | None = None


async def answer_policy(
    body: bytes, consult: Callable[[Question], Awaitable[PolicyAnswer]]
) -> bytes:
    """Answer a request."""
    try:
        question = _QUESTIONS.validate_json(body)
    except ValidationError:
        return PolicyAnswer(error="the request is not understood").model_dump_json().encode()
    return (await consult(question)).model_dump_json().encode()


async def ask_policy(settings: NatsSettings, question: Question, wait: float) -> PolicyAnswer:
    """Ask the decider.

    Raises UnreachableError: NATS or the decider is away, or it did not answer in ``wait`` s.
    """
    user = user_name(Service.CLI, Account.LOOP)
    async with connected(settings, 5.0, user=user, inbox=inbox_prefix(user)) as client:
        try:
            reply = await client.request(
                POLICY_SUBJECT, question.model_dump_json().encode(), timeout=wait
            )
        except (nats.errors.NoRespondersError, nats.errors.TimeoutError) as error:
            raise UnreachableError(
                f"The decider did not answer within {wait:g} s: see `ooda status`."
            ) from error
        return PolicyAnswer.model_validate_json(reply.data)
