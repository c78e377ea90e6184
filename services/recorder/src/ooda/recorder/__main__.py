"""``ooda-recorder`` runs the service, ``ooda-recorder migrate`` brings the database up to date."""

import sys

from ooda.common.service import run_service
from ooda.common.service.telemetry import log_as_json
from ooda.common.topology import Service
from ooda.recorder import migrate
from ooda.recorder.app import compose
from ooda.recorder.settings import RecorderSettings


def main() -> int:
    """Do what the arguments say; return the exit code."""
    match sys.argv[1:]:
        case []:
            return run_service(Service.RECORDER, RecorderSettings, compose, lease=True)
        case ["migrate"]:
            log_as_json("info", Service.RECORDER)
            return migrate.main()
        case _:
            sys.stderr.write("usage: ooda-recorder [migrate]\n")
            return 2


if __name__ == "__main__":
    sys.exit(main())
