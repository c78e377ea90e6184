"""The file that tells a program on this machine where the servers are.

The set-up writes it, people may edit it. It holds passwords, so nobody but its owner may
read it: that is checked on the open file, before a byte is parsed.
"""

import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit


class ConfigError(Exception):
    """The configuration cannot be used; the message says where, why and what to do."""


def config_path() -> Path:
    """Where the file is: ``OODA_CONFIG``, else ``ooda/config.toml`` in the XDG config home."""
    named = os.environ.get("OODA_CONFIG")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "ooda" / "config.toml"


def read_config(path: Path) -> dict[str, Any]:
    """Return the file's sections; a file that is not there has none.

    Raises ConfigError if others can read the file, if it is no TOML, or if it was named by
    ``OODA_CONFIG`` and is not there.
    """
    try:
        with path.open("rb") as file:
            _refuse_if_shared(path, os.fstat(file.fileno()))
            return tomllib.load(file)
    except FileNotFoundError:
        if os.environ.get("OODA_CONFIG"):
            raise ConfigError(f"OODA_CONFIG names {path}, which does not exist") from None
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def write_config(path: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Write the file whole or not at all, readable by its owner only.

    Raises OSError if the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp creates with mode 0600: the passwords are never in a file that others can read.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(tomlkit.dumps(sections))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _refuse_if_shared(path: Path, status: os.stat_result) -> None:
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"{path} holds passwords and others can read it: chmod 600 {path}")
