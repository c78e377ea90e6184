"""Print how many rows a second the recorder writes, by batch size, and what one intent waits for.

    PYTHONPATH=tests .venv/bin/python benchmarks/recorder_store.py

On a throw-away Postgres that does not wait for the disk (as in tests): what is measured is ours.
"""

import asyncio
import dataclasses
import statistics
import sys
import time
from collections.abc import Sequence

import psycopg

from factories.events import NOW, make
from ooda.common.audit.chain import Row
from ooda.common.audit.verification import verify
from ooda.common.events import DiagnosisReady
from ooda.common.topology import Account
from ooda.recorder.core.rows import row_of
from ooda.recorder.migrate import migrate
from ooda.recorder.store import Store, recorder_engine
from servers.postgres import postgres_server
from servers.trail import Database, delivered

ROWS = 5000
PADDING = b" " * 1500
"""Makes an event about 2 KiB: a diagnosis with its findings."""


def _rows(first: int, number: int) -> Sequence[Row]:
    model = row_of(delivered(make(DiagnosisReady), 1), Account.LOOP, NOW)
    payload = model.payload + PADDING
    return [
        dataclasses.replace(model, event_id=f"{each}", stream_sequence=each, payload=payload)
        for each in range(first, first + number)
    ]


async def _measure(database: Database) -> None:
    engine = recorder_engine(database.url("recorder"))
    store = Store(engine)
    first = 1
    for size in (1, 10, 100):
        number = ROWS if size > 1 else ROWS // 10
        batches = [_rows(first + at, size) for at in range(0, number, size)]
        first += number
        took = []
        for batch in batches:
            began = time.perf_counter()
            await store.append(batch)
            took.append(time.perf_counter() - began)
        sys.stdout.write(
            f"batches of {size:3}: {number / sum(took):7.0f} rows/s,"
            f" {statistics.median(took) * 1000:6.1f} ms a batch (median)\n"
        )
    began = time.perf_counter()
    report = await verify(engine)
    rate = report.rows / (time.perf_counter() - began)
    sys.stdout.write(f"verification:   {rate:7.0f} rows/s, first break: {report.broken}\n")
    await engine.dispose()


def main() -> None:
    """Measure on a database of our own."""
    with postgres_server() as server:
        database = Database(server, "measured")
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE measured")
        migrate(database.migration())
        asyncio.run(_measure(database))


if __name__ == "__main__":
    main()
