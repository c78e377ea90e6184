"""The diagnostic tools as a model may call them: in the incident's namespaces, nowhere else.

What they find informs the model and is no evidence of its own: which tools are called must not be
a way for a text in a log to change the findings.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ValidationError

from ooda.common.cluster.interface import ClusterError
from ooda.common.findings import Finding
from ooda.orienter.core.question import shown
from ooda.orienter.inquiry import TOOL_SECONDS
from ooda.orienter.meters import Meters

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Toolkit:
    """The tools, and where they may look."""

    tools: Mapping[str, BaseTool]
    namespaces: frozenset[str]
    meters: Meters

    async def answer(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool and say what it found, or why it was not called. Never raises."""
        tool = self.tools.get(name)
        if tool is None:
            return f"There is no such tool. There are: {', '.join(self.tools)}."
        try:
            asked = _checked(tool, arguments)
        except ValidationError as error:
            wrong = {".".join(map(str, each["loc"])) or "arguments" for each in error.errors()}
            return f"Not called: not valid: {', '.join(sorted(wrong))[:200]}."
        if asked.get("namespace") not in self.namespaces:
            return f"Not called: the incident is in {', '.join(sorted(self.namespaces))}."
        return await self._ask(tool, asked)

    async def _ask(self, tool: BaseTool, asked: Mapping[str, Any]) -> str:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(TOOL_SECONDS):
                found = await tool.ainvoke(dict(asked))
        except TimeoutError:
            self.meters.failed(tool.name, "late")
            return "It did not answer in time."
        except ClusterError as error:
            self.meters.failed(tool.name, "unavailable")
            return f"It could not look: {type(error).__name__}."
        except Exception:
            log.exception("a diagnostic tool failed", tool=tool.name)
            self.meters.failed(tool.name, "failed")
            return "It failed."
        finally:
            self.meters.asked(tool.name, time.monotonic() - begun)
        return shown(found) if isinstance(found, Finding) else "It did not answer with a finding."


def _checked(tool: BaseTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that the tool knows. Raises ValidationError."""
    schema = tool.args_schema
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        raise TypeError(f"{tool.name} has no typed arguments")
    return schema.model_validate(dict(arguments)).model_dump()
