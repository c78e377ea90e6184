"""Run the injector."""

import sys

from ooda.common.service import run_service
from ooda.common.topology import Service
from ooda.injector.app import compose
from ooda.injector.settings import InjectorSettings


def main() -> None:
    """Run until told to stop; the exit code says whether that was as it should be."""
    sys.exit(run_service(Service.INJECTOR, InjectorSettings, compose, lease=True))


if __name__ == "__main__":
    main()
