import os
import subprocess

import pytest

from e2e.lifecycle.machine import TESTBED, Run


@pytest.fixture
def testbed() -> Run:
    def run(*argv: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TESTBED, *argv],
            capture_output=True, text=True, check=False, timeout=600, stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run
