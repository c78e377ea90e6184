"""Where the model's address and key come from, and that nothing is sent without being asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from ooda.common.config_file import ConfigError
from ooda.orienter.settings import OPENAI_URL, ModelSettings, OrienterSettings

KEY = "sk-never-printed-1234567890"
OURS, BASE, OLD = "http://ours:1/v1", "http://base:2/v1", "http://old:3/v1"
VARIABLES = (
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "OPENAI_API_KEY",
    "OODA_MODEL__NAME",
    "OODA_MODEL__URL",
    "OODA_MODEL__API_KEY",
    "OODA_MODEL__SECONDS",
)


@pytest.fixture(autouse=True)
def _no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def model(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ModelSettings | None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return OrienterSettings.load().model


ADDRESSES: dict[str, tuple[dict[str, str], str]] = {
    "ours before all": (
        {"OODA_MODEL__URL": OURS, "OPENAI_BASE_URL": BASE, "OPENAI_API_BASE": OLD},
        OURS,
    ),
    "then OPENAI_BASE_URL": ({"OPENAI_BASE_URL": BASE, "OPENAI_API_BASE": OLD}, BASE),
    "then OPENAI_API_BASE": ({"OPENAI_API_BASE": OLD}, OLD),
    "empty is not set": ({"OPENAI_BASE_URL": "", "OPENAI_API_BASE": OLD}, OLD),
    "else OpenAI's": ({}, OPENAI_URL),
}


@pytest.mark.parametrize(("variables", "url"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_address_by_precedence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str
) -> None:
    found = model(monkeypatch, OODA_MODEL__NAME="small", **variables)

    assert found is not None
    assert (found.name, str(found.url)) == ("small", url)
    assert (found.seconds, found.api_key) == (10.0, None)


def test_our_key_comes_before_the_others_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = model(monkeypatch, OODA_MODEL__NAME="small", OPENAI_API_KEY=KEY)
    assert found is not None
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == KEY
    assert KEY not in repr(found) + found.model_dump_json()

    found = model(monkeypatch, OODA_MODEL__API_KEY="sk-ours")
    assert found is not None
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "sk-ours"


def test_an_address_and_a_key_alone_configure_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert model(monkeypatch, OPENAI_BASE_URL=BASE, OPENAI_API_KEY=KEY) is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OPENAI_BASE_URL", "no-url-never-printed"),
        ("OPENAI_API_BASE", "ftp://never-printed/v1"),
        ("OPENAI_BASE_URL", "http://me:never-printed@base/v1"),
        ("OODA_MODEL__URL", "http://me:never-printed@base/v1"),
        ("OODA_MODEL__SECONDS", "-1"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        model(monkeypatch, OODA_MODEL__NAME="small", **{variable: value})

    assert variable in str(raised.value)
    assert "never-printed" not in str(raised.value)


def test_without_a_model_its_libraries_are_not_loaded() -> None:
    program = """
import sys, ooda.orienter.__main__
print({"langchain_openai", "openai", "langsmith.run_helpers"} & set(sys.modules) or "none")
"""
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "none"
