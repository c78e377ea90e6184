from pathlib import Path

import pytest

from servers.control_plane import control_plane
from servers.processes import ServerMissingError


def test_programs_that_were_not_built_are_not_built_by_a_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with (
        pytest.raises(ServerMissingError, match="etcd is not built: run `make test-servers`"),
        control_plane(tmp_path),
    ):
        pass
