"""``ooda-bootstrap``: declare everything on the server, and print what is generated."""

import argparse
import asyncio
import sys
from pathlib import Path

from ooda.common.bus.bootstrap import BootstrapError, bootstrap
from ooda.common.bus.documents import (
    event_schemas,
    report_schemas,
    service_documents,
    write_documents,
)
from ooda.common.bus.server_config import render_accounts
from ooda.common.config_file import ConfigError
from ooda.common.reach import UnreachableError
from ooda.common.service.telemetry import log_as_json
from ooda.common.settings import Settings


def main() -> int:
    """Run the command line; return the exit code."""
    arguments = _parser().parse_args()
    match arguments.command:
        case "accounts":
            try:
                sys.stdout.write(render_accounts(arguments.person))
            except ValueError as error:
                return _fail(error)
        case "asyncapi":
            write_documents(service_documents(), arguments.out)
        case "schemas":
            write_documents(event_schemas(), arguments.out)
        case "reports":
            write_documents(report_schemas(), arguments.out)
        case _:
            return _declare(arguments.deadline)
    return 0


def _declare(deadline: float) -> int:
    log_as_json("info", "bootstrap")
    try:
        settings = Settings.load()
        if settings.nats is None:
            raise ConfigError("set OODA_NATS__URL and OODA_NATS__PASSWORD")  # noqa: TRY301 - one place prints all of them
        asyncio.run(bootstrap(settings.nats, deadline))
    except (ConfigError, UnreachableError, BootstrapError) as error:
        return _fail(error)
    return 0


def _fail(error: Exception) -> int:
    sys.stderr.write(f"ooda-bootstrap: {error}\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ooda-bootstrap", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    declare = commands.add_parser("declare", help="streams, consumers and buckets, on the server")
    declare.add_argument("--deadline", type=float, default=120.0, help="seconds to wait for NATS")
    accounts = commands.add_parser("accounts", help="print the server's accounts")
    accounts.add_argument("--person", action="append", default=[], help="a person's user as well")
    for name, what in (
        ("asyncapi", "a document per service"),
        ("schemas", "a schema per event"),
        ("reports", "the schema of a run's evaluation"),
    ):
        documents = commands.add_parser(name, help=f"write {what}")
        documents.add_argument("--out", type=Path, required=True)
    return parser
