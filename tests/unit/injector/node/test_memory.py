"""How much memory may be taken in a container's name, and who is killed for it."""

import pytest

from ooda.injector.node.core.memory import (
    LEAKING,
    NodeMemory,
    badness,
    killable,
    limit_of,
    node_memory,
    to_take,
)
from ooda.injector.node.core.room import MIB

NODE = NodeMemory(total=4096 * MIB, available=1024 * MIB)


def test_what_the_kernel_says_is_read() -> None:
    meminfo = (
        "MemTotal:        4194304 kB\nMemFree:          524288 kB\nMemAvailable:    3145728 kB\n"
        "Active(file):    2097152 kB\nInactive(file):   524288 kB\nHugePages_Total:       0\n"
    )
    assert node_memory(meminfo) == NODE
    status = "Name:\tredis server\nRssAnon:\t 6144 kB\nRssFile:\t 9000 kB\nRssShmem:\t 2048 kB\n"
    assert killable(status) == 8 * MIB
    assert killable("Name:\tredis-server\nState:\tZ (zombie)\n") == 0
    assert limit_of("201326592\n") == 192 * MIB
    assert limit_of("max\n") is None


@pytest.mark.parametrize(
    ("wanted", "limit", "taken"),
    [
        (128, 192, 128),
        (256, 192, 192),
        (512, 800, 512),
        (513, 800, 0),
        (128, None, 0),
        (128, 4096, 0),
        (128, (1 << 43), 0),
    ],
    ids=[
        "as asked",
        "no more than the limit",
        "the node keeps what it needs",
        "the node would not",
        "no limit",
        "as much as the node has",
        "no limit in version 1",
    ],
)
def test_what_is_taken(wanted: int, limit: int | None, taken: int) -> None:
    limited = None if limit is None else limit * MIB
    assert to_take(wanted * MIB, limited, NODE) == taken * MIB


@pytest.mark.parametrize(
    ("mib", "adjustment", "sooner"),
    [(60, 0, True), (8, 0, False), (8, 997, True), (60, -997, False), (8, 100, True)],
    ids=["large", "small", "burstable", "guaranteed, beside one that is not", "half way"],
)
def test_who_is_killed_first(mib: int, adjustment: int, *, sooner: bool) -> None:
    limit = 192 * MIB
    assert (badness(mib * MIB, adjustment, limit) > badness(LEAKING, 0, limit)) is sooner
