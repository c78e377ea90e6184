"""Run the decider."""

import sys

from ooda.common.service import run_service
from ooda.common.topology import Service
from ooda.decider.app import compose
from ooda.decider.settings import DeciderSettings


def main() -> None:
    """Run until told to stop; the exit code says whether that was as it should be."""
    sys.exit(run_service(Service.DECIDER, DeciderSettings, compose, lease=True))


if __name__ == "__main__":
    main()
