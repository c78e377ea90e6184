"""Somebody who answers the questions of the loop, by the command line."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from servers.command_line import Ooda
from servers.loop_bus import LoopBus
from servers.trail import Database
from servers.waiting import until


class Person:
    """Alice, who has a user of her own on the bus."""

    def __init__(self, folder: Path, bus: LoopBus, database: Database) -> None:
        self._ooda = Ooda(folder).with_bus(bus).with_audit(database)
        self._ooda.environment |= {
            "OODA_PERSON__NAME": "alice",
            "OODA_PERSON__PASSWORD": bus.passwords["PERSON_ALICE_PASSWORD"],
        }

    async def approve(self, review_id: str) -> dict[str, Any]:
        """Approve as soon as the recorder has the question; return what came of it."""

        async def recorded() -> bool:
            listed = await self._process("list", "-o", "json")
            return review_id in {each["review_id"] for each in json.loads(listed.stdout)}

        await until(recorded, 30)
        done = await self._process("approve", review_id, "-o", "json")
        assert done.stderr == ""
        told: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if told["settlement"] == "acting" else 1)
        return told

    async def _process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(self._ooda.process, "review", *arguments)
