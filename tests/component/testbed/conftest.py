from pathlib import Path

import pytest

from fakes.programs import Programs
from ooda.testbed.layout import Layout

REPOSITORY = Path(__file__).parents[3]


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
