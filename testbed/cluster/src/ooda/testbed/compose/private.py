"""The folder of passwords and credentials, which lets its owner in and nobody else."""

import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ooda.common.config_file import read_config, write_config
from ooda.testbed.compose.files import DATABASE_OWNER, Passwords, as_lines, local_config
from ooda.testbed.workloads.logins import DATABASE_LOGINS, NATS_LOGINS


@dataclass(frozen=True)
class PrivateFolder:
    """What is kept from one start to the next."""

    path: Path

    @property
    def config(self) -> Path:
        """Where programs of this machine find the servers: a value for OODA_CONFIG."""
        return self.path / "config.toml"

    @property
    def files(self) -> Path:
        """What containers read, each file mounted by itself."""
        return self.path / "files"

    @property
    def variables(self) -> Path:
        """What Docker Compose puts into the file."""
        return self.path / "variables.env"

    @property
    def _passwords(self) -> Path:
        return self.path / "passwords.toml"

    @property
    def cluster(self) -> dict[str, str]:
        """Kubeconfig and context of the cluster that it was prepared for; empty if none."""
        found: dict[str, str] = read_config(self.config).get("cluster", {})
        return found

    @property
    def has_passwords(self) -> bool:
        """Whether there are passwords of an earlier start."""
        return self._passwords.is_file()

    def ensure_passwords(self) -> Passwords:
        """Have a password for each login; those that are there are kept."""
        kept = read_config(self._passwords)
        nats = [each.name for each in NATS_LOGINS]
        postgres = [DATABASE_OWNER, *(each.name for each in DATABASE_LOGINS)]
        made = Passwords(
            _one_each(nats, kept.get("nats", {})), _one_each(postgres, kept.get("postgres", {}))
        )
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.path.chmod(0o700)
        write_config(self._passwords, {"nats": made.nats, "postgres": made.postgres})
        return made

    def write(self, files: Mapping[str, str], variables: Mapping[str, str]) -> None:
        """Write what containers read: each runs as a user of its own, so anybody *in* here may."""
        self.files.mkdir(exist_ok=True)
        self.files.chmod(0o755)
        for name, text in files.items():
            (self.files / name).write_text(text)
            (self.files / name).chmod(0o644)
        self.variables.write_text(as_lines(variables))

    def write_config(
        self, passwords: Passwords, ports: Mapping[str, str], cluster: Mapping[str, str]
    ) -> None:
        """Tell programs of this machine where the servers are."""
        write_config(self.config, local_config(passwords, ports, cluster))

    def remove(self) -> None:
        """Forget everything."""
        if self.path.is_dir():
            shutil.rmtree(self.path)


def _one_each(names: Iterable[str], kept: Mapping[str, str]) -> dict[str, str]:
    return {name: kept.get(name) or secrets.token_urlsafe(24) for name in names}
