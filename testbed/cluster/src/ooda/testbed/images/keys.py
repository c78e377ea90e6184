"""Content keys: two builds from the same input have the same key, any change gives another one."""

import hashlib
from pathlib import Path

_LENGTH = 16


def key_of(*parts: object) -> str:
    """Key of a sequence of values, by their representations."""
    digest = hashlib.sha256()
    for part in parts:
        text = repr(part).encode()
        digest.update(len(text).to_bytes(8) + text)
    return digest.hexdigest()[:_LENGTH]


def key_of_folder(folder: Path) -> str:
    """Key of a folder: names, contents and the executable bit of all files in it.

    What Python compiles beside its sources when they run is no part of them.
    """
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"
    )
    return key_of(
        *((str(f.relative_to(folder)), digest_of(f), f.stat().st_mode & 0o111) for f in files)
    )


def digest_of(file: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
