"""The preload library that shifts the wall clock of one process, and nothing else."""

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

SOURCE = Path(__file__).parents[3] / "testbed/shop/clockskew/clockskew.c"
SECOND = 1_000_000_000
HOUR = 3600 * SECOND

# What a process sees of its clocks each time a line arrives on its standard input.
OBSERVER = """
import asyncio, datetime, json, sys, time
for _ in sys.stdin:
    began = time.monotonic()
    asyncio.run(asyncio.sleep(0.05))
    print(json.dumps({
        "time": time.time(), "now": datetime.datetime.now().timestamp(),
        "monotonic": time.monotonic(), "slept": time.monotonic() - began,
    }), flush=True)
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("clockskew") / "libclockskew.so"
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", built, SOURCE, "-ldl"], check=True)
    return built


class Observer:
    """A Python process under the library."""

    def __init__(self, library: Path, skew_file: Path) -> None:
        env = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_SKEW_FILE": str(skew_file)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", OBSERVER],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def look(self) -> Mapping[str, float]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seen: dict[str, float] = json.loads(self._process.stdout.readline())
        return seen

    def shift(self) -> float:
        """Return by how many seconds the process's wall clock is off, to a tenth."""
        seen = self.look()
        assert seen["now"] == pytest.approx(seen["time"], abs=0.05)
        return round(seen["time"] - time.time(), 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate("")


def arm(skew_file: Path, offset_ns: int, seconds: float) -> None:
    deadline = time.monotonic_ns() + int(seconds * SECOND)
    with skew_file.open("r+b") as file:
        file.write(struct.pack("=qq", offset_ns, deadline))


@pytest.fixture
def skew_file(tmp_path: Path) -> Path:
    return tmp_path / "skew"


@pytest.mark.parametrize("contents", [None, b"", bytes(8), bytes(16)])
def test_without_an_order_the_time_is_true(
    library: Path, skew_file: Path, contents: bytes | None
) -> None:
    if contents is not None:
        skew_file.write_bytes(contents)
    with Observer(library, skew_file) as process:
        assert abs(process.shift()) <= 0.1


@pytest.mark.parametrize("offset", [HOUR, -HOUR])
def test_the_wall_clock_shifts_and_comes_back_by_itself(
    library: Path, skew_file: Path, offset: int
) -> None:
    skew_file.write_bytes(bytes(16))
    with Observer(library, skew_file) as process:
        assert abs(process.shift()) <= 0.1
        arm(skew_file, offset, seconds=1.0)
        armed = time.monotonic()
        assert process.shift() == pytest.approx(offset / SECOND, abs=0.2)
        while time.monotonic() - armed < 1.0:
            time.sleep(0.05)
        assert abs(process.shift()) <= 0.1


def test_durations_are_untouched(library: Path, skew_file: Path) -> None:
    skew_file.write_bytes(bytes(16))
    with Observer(library, skew_file) as process:
        arm(skew_file, HOUR, seconds=30)
        seen = process.look()
    assert abs(seen["monotonic"] - time.monotonic()) < 5
    assert 0.05 <= seen["slept"] < 1


def test_a_file_that_comes_later_is_noticed(library: Path, skew_file: Path) -> None:
    with Observer(library, skew_file) as process:
        assert abs(process.shift()) <= 0.1
        skew_file.write_bytes(bytes(16))
        arm(skew_file, HOUR, seconds=30)
        assert process.shift() == pytest.approx(3600, abs=0.2)
