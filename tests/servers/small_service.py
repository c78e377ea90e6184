"""A small service, for tests of the life of services; a program of its own, told by its variables.

It consumes as the actor. What it is handed it appends to the file TEST_JOURNAL, at the begin and at
the end; between them it works for as long as TEST_WORK says. TEST_FAIL makes a task of it end,
TEST_BATCH makes it take batches.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ooda.common.bus.interface import Delivery
from ooda.common.service import (
    App,
    BatchConsumption,
    Consumption,
    Context,
    ServiceSettings,
    run_service,
)
from ooda.common.topology import ACTOR, Service

JOURNAL = Path(os.environ["TEST_JOURNAL"])
WORK = float(os.environ.get("TEST_WORK", "0"))
FAIL = os.environ.get("TEST_FAIL")


async def compose(context: Context) -> App:
    """Compose a service that writes down what it is given."""
    write(f"composed {context.cluster_id}")
    batches = os.environ.get("TEST_BATCH") == "yes"
    return App(
        consumers=[
            BatchConsumption(ACTOR, handle_all, batch_size=10, max_wait=0.5)
            if batches
            else Consumption(ACTOR, handle)
        ],
        tasks=[end] if FAIL else [],
        status=lambda: {"journal": "written"},
        ready=lambda: FAIL != "ready",
    )


async def handle(delivery: Delivery) -> None:
    """Work on an event."""
    write(f"begin {delivery.sequence}")
    await asyncio.sleep(WORK)
    write(f"end {delivery.sequence}")


async def handle_all(deliveries: Sequence[Delivery]) -> None:
    """Work on several events."""
    for each in deliveries:
        await handle(each)


async def end() -> None:
    """Fail, if we are to, else run for ever."""
    match FAIL:
        case "raise":
            raise RuntimeError("a task failed")
        case "return":
            return
        case _:
            await asyncio.Event().wait()


def write(line: str) -> None:
    """Append to the journal."""
    with JOURNAL.open("a") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    lease = os.environ.get("TEST_LEASE") == "yes"
    sys.exit(run_service(Service.ACTOR, ServiceSettings, compose, lease=lease))
