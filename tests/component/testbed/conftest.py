"""Programs on the PATH that are small shell scripts, and folders of a testbed of its own."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ooda.testbed.layout import Layout

REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Programs:
    """The only folder on the PATH: what was not put there is not installed."""

    folder: Path

    def put(self, name: str, script: str) -> None:
        """Have a program; its script may use the shell's own commands and absolute paths."""
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def borrow(self, *names: str) -> None:
        """Have some of the machine's own programs too."""
        for name in names:
            (self.folder / name).symlink_to(f"/bin/{name}")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return Programs(folder)


@pytest.fixture
def folders(tmp_path: Path) -> Layout:
    made = Layout(repository=REPOSITORY, cache=tmp_path / "cache", state=tmp_path / "state")
    for folder in (made.cache, made.logs, made.engine, made.binaries):
        folder.mkdir(parents=True)
    return made
