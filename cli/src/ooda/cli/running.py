"""Run asynchronous code to its end, and end when it has ended."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any, ParamSpec, TypeVar

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class _UnawaitedThreads(ThreadPoolExecutor):
    """Threads that the end of the program does not wait for.

    asyncio looks names up in a thread. A resolver that does not answer cannot be cancelled,
    and the usual executor makes the whole program wait for it, past every deadline.
    """

    def submit(
        self,
        fn: Callable[Arguments, Result],
        /,
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        future: Future[Result] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed over to whoever awaits it
                future.set_exception(error)
            else:
                future.set_result(result)

        Thread(target=run, daemon=True).start()
        return future


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run ``main`` in an event loop of its own; return or raise what it does."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_UnawaitedThreads())
        return runner.run(main)
