"""Run the actor."""

import sys

from ooda.actor.app import compose
from ooda.actor.settings import ActorSettings
from ooda.common.service import run_service
from ooda.common.topology import Service


def main() -> None:
    """Run until told to stop; the exit code says whether that was as it should be."""
    sys.exit(run_service(Service.ACTOR, ActorSettings, compose, lease=True))


if __name__ == "__main__":
    main()
