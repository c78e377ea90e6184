"""Start the observer."""

import sys

from ooda.common.service import run_service
from ooda.common.topology import Service
from ooda.observer.app import compose
from ooda.observer.settings import ObserverSettings


def main() -> int:
    """Run until told to stop; return the exit code."""
    return run_service(Service.OBSERVER, ObserverSettings, compose, lease=True)


if __name__ == "__main__":
    sys.exit(main())
