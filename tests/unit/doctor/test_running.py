import asyncio
import threading

import pytest

from ooda.cli.running import run


def test_the_end_does_not_wait_for_a_thread_that_hangs() -> None:
    never, hanging = threading.Event(), threading.Event()

    def resolver_that_hangs() -> None:
        hanging.set()
        never.wait(20)

    async def main() -> str:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.to_thread(resolver_that_hangs)
        return "done"

    ended = threading.Event()

    def program() -> None:
        assert run(main()) == "done"
        ended.set()

    thread = threading.Thread(target=program, daemon=True)
    thread.start()
    try:
        assert ended.wait(5)
        assert hanging.is_set()
    finally:
        never.set()
        thread.join()


def test_results_and_errors_of_threads_arrive() -> None:
    async def main() -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 42)

    assert run(main()) == 42
