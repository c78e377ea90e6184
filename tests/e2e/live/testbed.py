"""The testbed's commands, as `make` calls them."""

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(sys.executable).with_name("ooda-testbed")


def run_testbed(command: str, *, code: int = 0) -> str:
    """Return what it said; raises AssertionError with it where it ended with another code."""
    done = subprocess.run(
        [_PROGRAM, command],
        capture_output=True, text=True, check=False, timeout=900, stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "OODA_CONFIG"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr
