"""The person of the demo, who answers as anybody would: on the command line."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from ooda.common.audit.address import audit_url
from ooda.common.audit.queries import open_reviews, reading
from ooda.common.settings import PostgresSettings
from ooda.testbed.commands import run
from ooda.testbed.errors import Unready

_STORED_DEADLINE = 10.0  # seconds
_STORED_PAUSE = 0.2


@dataclass(frozen=True)
class Person:
    """Reads the questions in the database, and approves."""

    postgres: PostgresSettings

    async def approve(self, review_id: str) -> str:
        """Approve a question and return what came of it. Raises CommandFailed, Unready."""
        await self._stored(review_id)
        program = Path(sys.executable).with_name("ooda")
        return await asyncio.to_thread(run, str(program), "review", "approve", review_id)

    async def _stored(self, review_id: str) -> None:
        """Wait until the question can be read, by whom it is asked."""
        try:
            async with (
                asyncio.timeout(_STORED_DEADLINE),
                reading(audit_url(self.postgres)) as engine,
            ):
                while True:
                    if review_id in {each.review_id for each in await open_reviews(engine)}:
                        return
                    await asyncio.sleep(_STORED_PAUSE)
        except TimeoutError:
            raise Unready(
                f"Question {review_id} is not in the database after {_STORED_DEADLINE:.0f} s: "
                "`.venv/bin/ooda status` says how the recorder is."
            ) from None
