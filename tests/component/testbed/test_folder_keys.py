from collections.abc import Callable
from pathlib import Path

import pytest

from ooda.testbed.images.keys import digest_of, key_of_folder


def fill(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "a.py").write_text("a")
    (folder / "deep/b.py").write_text("b")
    return folder


def test_the_key_is_of_the_content_not_of_the_place(tmp_path: Path) -> None:
    assert key_of_folder(fill(tmp_path / "one")) == key_of_folder(fill(tmp_path / "two"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: (f / "a.py").write_text("A"), id="content"),
        pytest.param(lambda f: (f / "a.py").rename(f / "c.py"), id="name"),
        pytest.param(lambda f: (f / "deep/b.py").rename(f / "b.py"), id="place"),
        pytest.param(lambda f: (f / "a.py").chmod(0o755), id="executable bit"),
        pytest.param(lambda f: (f / "deep/new").write_text(""), id="a file more"),
        pytest.param(lambda f: (f / "a.py").unlink(), id="a file less"),
    ],
)
def test_a_change_gives_another_key(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = fill(tmp_path / "folder")
    before = key_of_folder(folder)
    change(folder)
    assert key_of_folder(folder) != before


def test_what_python_compiled_on_the_way_is_no_change(tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder")
    before = key_of_folder(folder)
    (folder / "deep/__pycache__").mkdir()
    (folder / "deep/__pycache__/b.cpython-311.pyc").write_bytes(b"\0")
    assert key_of_folder(folder) == before


def test_digest(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert digest_of(tmp_path / "file") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
