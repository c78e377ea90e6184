"""What fault-agent writes into the journal: what became of a step, and nothing else."""

import asyncio
from typing import Any

import structlog

from ooda.common.cluster.interface import ClusterError, Conflict
from ooda.common.fault_runs import FINAL
from ooda.injector.journal import Journal, JournalError

log = structlog.get_logger()

PAUSE = 0.5
"""Seconds until the API server is asked again."""


async def note(journal: Journal, run_id: str, index: int, **became: Any) -> None:
    """Write down what became of a step, however often others write meanwhile.

    A step that somebody has closed already stays as it is, and so does a run that is over.
    """
    while True:
        try:
            entry = await journal.find(run_id)
            if entry is None or entry.run.phase in FINAL:
                return
            if entry.run.steps[index].undone is not None:
                return
            await journal.write(entry, entry.run.with_step(index, **became))
        except Conflict:
            await asyncio.sleep(0)
        except JournalError as error:
            log.error("a run cannot be read", error=str(error))  # noqa: TRY400 - the sentence says all
            return
        except ClusterError as error:
            log.warning("the journal cannot be written", run=run_id, error=str(error))
            await asyncio.sleep(PAUSE)
        else:
            return
