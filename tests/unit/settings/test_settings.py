import os
import stat
from pathlib import Path

import pytest

from ooda.common.config_file import ConfigError, config_path, read_config, write_config
from ooda.common.settings import Settings

SECRET = "hunter2-never-printed"
GOOD = f"""
[nats]
url = "nats://127.0.0.1:14222"
user = "ooda"
password = "{SECRET}"

[postgres]
url = "postgresql://127.0.0.1:15432/ooda"
user = "ooda"
password = "{SECRET}"

[cluster]
kubeconfig = "/somewhere/kubeconfig"
context = "kind-ooda"
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("OODA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "ooda" / "config.toml"


def written(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_everything_comes_from_the_file(config: Path) -> None:
    written(config, GOOD)
    settings = Settings.load()
    assert settings.nats
    assert settings.postgres
    assert str(settings.nats.url) == "nats://127.0.0.1:14222"
    assert settings.nats.password
    assert settings.nats.password.get_secret_value() == SECRET
    assert (settings.postgres.url.port, settings.postgres.user) == (15432, "ooda")
    assert settings.cluster.kubeconfig == Path("/somewhere/kubeconfig")
    assert settings.cluster.context == "kind-ooda"
    assert SECRET not in repr(settings)


def test_the_environment_comes_before_the_file_field_by_field(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(config, GOOD)
    monkeypatch.setenv("OODA_NATS__URL", "nats://elsewhere:4222")
    settings = Settings.load()
    assert settings.nats
    assert (str(settings.nats.url), settings.nats.user) == ("nats://elsewhere:4222", "ooda")


def test_without_any_configuration_the_sections_are_absent() -> None:
    settings = Settings.load()
    assert (settings.nats, settings.postgres, settings.cluster.kubeconfig) == (None, None, None)


def test_ports_have_defaults(config: Path) -> None:
    written(config, '[nats]\nurl = "nats://host"\n[postgres]\nurl = "postgresql://host/ooda"')
    settings = Settings.load()
    assert settings.nats
    assert settings.postgres
    assert (settings.nats.url.port, settings.postgres.url.port) == (4222, 5432)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('[nats]\nurll = "nats://h"', ["nats.urll: is not a known"], id="field"),
        pytest.param("[natz]\nx = 1", ["natz: is not a known field"], id="section"),
        pytest.param('[nats]\nuser = "x"', ["nats.url is missing", "OODA_NATS__URL"], id="missing"),
        pytest.param('[nats]\nurl = "http://h"', ["nats.url: URL scheme"], id="scheme"),
        pytest.param('[nats]\nurl = "tls://h"', ["nats.url: URL scheme"], id="nats-tls"),
        pytest.param(
            f'[nats]\nurl = "nats://me:{SECRET}@h"', ["nats.url: ", "credentials"], id="in-url"
        ),
        pytest.param(
            f'[postgres]\nurl = "postgresql://me:{SECRET}@h/x"', ["credentials"], id="in-dsn"
        ),
        pytest.param(
            f'[nats]\nurl = "nats://h"\npassword = ["{SECRET}"]', ["nats.password: "], id="type"
        ),
        pytest.param(f'[nats]\nurl = "nats://h"\npassword = "{SECRET}', ["is not TOML"], id="toml"),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_field_but_no_value(
    config: Path, text: str, said: list[str]
) -> None:
    written(config, text)
    with pytest.raises(ConfigError) as refusal:
        Settings.load()
    message = str(refusal.value)
    assert str(config) in message
    assert all(part in message for part in said), message
    assert SECRET not in message


@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [
        ("OODA_NATS__BOGUS", SECRET, "nats.bogus"),
        ("OODA_NATS__URL", f"ftp://{SECRET}", "nats.url"),
        ("OODA_NATS", f"{{{SECRET}", "nats: "),
        ("OODA_CLUSTER", f"{{{SECRET}", '"cluster"'),
    ],
)
def test_a_bad_variable_is_refused_naming_variable_and_field_but_no_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str
) -> None:
    if variable != "OODA_NATS__URL":
        monkeypatch.setenv("OODA_NATS__URL", "nats://h")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as refusal:
        Settings.load()
    message = str(refusal.value)
    assert "environment variable OODA_" in message
    assert field in message
    assert SECRET not in message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660], ids=oct)
def test_a_file_that_others_can_read_is_refused_with_the_remedy(config: Path, mode: int) -> None:
    written(config, GOOD, mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {config}"):
        Settings.load()


def test_a_named_file_has_to_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OODA_CONFIG", str(tmp_path / "nowhere.toml"))
    with pytest.raises(ConfigError, match=r"OODA_CONFIG names .*nowhere\.toml.* not exist"):
        Settings.load()


def test_a_folder_in_place_of_the_file_is_said(config: Path) -> None:
    config.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        Settings.load()


def test_what_is_written_is_what_is_read_and_private(config: Path) -> None:
    password = 'qu"ote \\ back#slash ü\x7f'
    write_config(config, {"nats": {"url": "nats://h:1", "password": password}})
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert read_config(config) == {"nats": {"url": "nats://h:1", "password": password}}
    assert [path.name for path in config.parent.iterdir()] == [config.name]


def test_writing_replaces_a_file_that_others_could_read(config: Path) -> None:
    written(config, GOOD, 0o644)
    write_config(config, {"cluster": {"context": "kind-ooda"}})
    assert Settings.load().cluster.context == "kind-ooda"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(config: Path) -> None:
    written(config, GOOD)
    with pytest.raises(ValueError, match="convert"):
        write_config(config, {"nats": {"url": object()}})  # type: ignore[dict-item]
    assert config.read_text() == GOOD
    assert [path.name for path in config.parent.iterdir()] == [config.name]


def test_the_default_place_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_path() == tmp_path / ".config" / "ooda" / "config.toml"
