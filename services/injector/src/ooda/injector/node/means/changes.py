"""The news, from the kernel, that somebody did something to a file."""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from typing import Final

_CHANGES: Final = 0x2 | 0x4  # IN_MODIFY, and IN_ATTRIB, which a name that is gone is, too
_MOST: Final = 4096


@contextlib.contextmanager
def heeding_changes(file: int, changed: Callable[[], None]) -> Iterator[None]:
    """Call `changed` once now, and whenever the open file is written to, or loses a name.

    Raises OSError.
    """
    events = _watch(file)
    loop = asyncio.get_running_loop()

    def heed() -> None:
        os.read(events, _MOST)
        changed()

    loop.add_reader(events, heed)
    try:
        changed()
        yield
    finally:
        loop.remove_reader(events)
        os.close(events)


def _watch(file: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    events: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if events < 0:
        raise _failure()
    if libc.inotify_add_watch(events, b"/proc/self/fd/%d" % file, _CHANGES) < 0:
        failure = _failure()
        os.close(events)
        raise failure
    return events


def _failure() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
