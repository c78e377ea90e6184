"""The list of commands: it is what the commands say of themselves, and costs nothing."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from ooda.cli.lazy import load
from ooda.cli.main import COMMANDS, app

HEAVY = ("sqlalchemy", "kubernetes", "nats", "faststream", "psycopg", "aiohttp")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_is_the_command_s_own(name: str) -> None:
    later = COMMANDS[name]
    found = getattr(import_module(later.module), later.attribute)
    said = found.info.help if isinstance(found, typer.Typer) else inspect.getdoc(found)
    assert str(said).splitlines()[0] == later.line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example(name: str) -> None:
    command = load(name, COMMANDS[name])
    for each, usage in [(command, name)] + [
        (part, f"{name} {called}") for called, part in getattr(command, "commands", {}).items()
    ]:
        group = hasattr(each, "commands")
        assert group or f"`ooda {usage}" in str(each.help), usage


def test_help_can_be_had_of_all() -> None:
    for name in COMMANDS:
        told = CliRunner().invoke(app, [name, "-h"], prog_name="ooda")
        assert told.exit_code == 0
        assert f"ooda {name}" in told.stdout


@pytest.mark.parametrize("arguments", ["['--help']", "['--version']"])
def test_what_needs_no_server_imports_no_client(arguments: str) -> None:
    program = (
        "import sys\nfrom ooda.cli.main import app\n"
        f"try:\n    app({arguments})\nexcept SystemExit:\n    pass\n"
        f"print([each for each in {HEAVY} if each in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_a_command_that_is_not_there() -> None:
    told = CliRunner().invoke(app, ["statu"])
    assert told.exit_code == 2
    assert "Did you mean 'status'?" in told.output


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("ooda st", ["status", "stop"]),
        ("ooda dead-letter re", ["replay"]),
        ("ooda status --o", ["--output"]),
    ],
)
def test_the_shell_completes(words: str, completed: list[str]) -> None:
    environment = {
        "_OODA_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    told = CliRunner().invoke(app, [], env=environment, prog_name="ooda")
    assert told.stdout.split() == completed
