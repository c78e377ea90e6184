"""Run the reaper: it ends what an injector has left behind. It needs the API server alone.

It watches the journal with an account of its own, and can do nothing but take back what is written
there. Two of them at once are no harm: every write is guarded by what was read.
"""

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.service import ServiceSettings
from ooda.injector.core import machine
from ooda.injector.driver import Driver
from ooda.injector.following import follow


def main() -> None:
    """Run until told to stop; the exit code says whether that was as it should be."""
    follow("reaper", ServiceSettings, _reaper, "namespace")


def _reaper(api: ApiServer, settings: ServiceSettings) -> Driver:
    return Driver(api, settings.namespace, SystemClock(), machine.REAPER)


if __name__ == "__main__":
    main()
