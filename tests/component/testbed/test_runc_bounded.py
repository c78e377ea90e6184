import os
import shutil
import subprocess
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[3] / "testbed/images/go/runc-bounded"


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go toolchain on the PATH")
@pytest.mark.timeout(300)  # the first run compiles Go's own testing packages
def test_the_wrapper_before_runc_keeps_its_promises() -> None:
    done = subprocess.run(
        ["go", "test", "."],
        cwd=MODULE,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
