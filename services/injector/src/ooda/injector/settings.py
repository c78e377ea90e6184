"""What the injector is told beside what every service is told. By default nothing may be broken."""

from pydantic import Field

from ooda.common.service import ServiceSettings
from ooda.injector.core.fence import Limits
from ooda.injector.core.scenario import MAX_SECONDS


class InjectorSettings(ServiceSettings):
    """From the environment, as ``OODA_PINNED_CLUSTER``, or the configuration file."""

    pinned_cluster: str = ""
    """UID of namespace kube-system of the one cluster in which things may be broken."""
    approved_namespaces: frozenset[str] = frozenset()
    """As JSON: ``["fault-injection-shop"]``."""
    allowed_shared: frozenset[str] = frozenset()
    """What outside of these may be touched, by name, as JSON."""
    max_seconds: float = Field(default=600.0, gt=0, le=MAX_SECONDS)
    """No fault lasts longer, whatever its scenario allows."""
    kept_runs: int = Field(default=100, ge=10)
    """How many runs of each namespace stay in the journal when they are over."""

    def limits(self) -> Limits:
        """Return them as the fence is given them."""
        return Limits(
            self.pinned_cluster, self.approved_namespaces, self.allowed_shared, self.max_seconds
        )
