"""Built files by content key, in the user's cache folder; can be deleted at any time.

An entry is a file that was renamed into place when it was complete, with its digest beside it.
So a build that was killed leaves no entry, and a file damaged since then is noticed and rebuilt.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ooda.testbed.images.keys import digest_of


class Cache:
    """Files by name and key under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, name: str, key: str) -> Path | None:
        """Return the file, if it is there and still what was stored; a damaged one is removed."""
        entry = self._folder / f"{name}-{key}"
        digest = self._digest(entry)
        if not (entry.is_file() and digest.is_file()):
            return None
        if digest.read_text() != digest_of(entry):
            entry.unlink()
            return None
        return entry

    @contextmanager
    def store(self, name: str, key: str) -> Iterator[Path]:
        """Yield a path to write to; the entry exists when the block has ended without an error.

        Older entries of the same name are dropped then, so that the cache does not grow.
        """
        with TemporaryDirectory(dir=self._folder, prefix=f".{name}-") as work:
            made = Path(work) / name
            yield made
            entry = self._folder / f"{name}-{key}"
            self._digest(entry).write_text(digest_of(made))
            made.replace(entry)
        for old in self._folder.glob(f"{name}-*"):
            if old.name.removesuffix(".sha256") != entry.name and self._is_entry(old, name):
                old.unlink()

    @contextmanager
    def workplace(self, name: str) -> Iterator[Path]:
        """Yield a folder on the file system of the cache (hard links work), gone afterwards."""
        with TemporaryDirectory(
            dir=self._folder, prefix=f".work-{name}-", ignore_cleanup_errors=True
        ) as work:
            yield Path(work)

    def sweep(self) -> None:
        """Remove what killed runs left half-made."""
        for left in self._folder.glob(".*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)

    @staticmethod
    def _digest(entry: Path) -> Path:
        return entry.with_name(entry.name + ".sha256")

    @staticmethod
    def _is_entry(path: Path, name: str) -> bool:
        key = path.name.removesuffix(".sha256").removeprefix(f"{name}-")
        return "-" not in key


def link(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it where the file system forbids that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
