"""Run the orienter.

One replica is active, by a Lease: joining anomalies needs one view of all incidents, and all
snapshots.
"""

from ooda.common.service import run_service
from ooda.common.topology import Service
from ooda.orienter.app import compose
from ooda.orienter.settings import OrienterSettings


def main() -> int:
    """Run until told to stop; return the exit code."""
    return run_service(Service.ORIENTER, OrienterSettings, compose, lease=True)


if __name__ == "__main__":
    raise SystemExit(main())
