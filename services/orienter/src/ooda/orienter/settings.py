"""What the orienter is told, beside what every service is."""

from pydantic import HttpUrl

from ooda.common.service import ServiceSettings


class OrienterSettings(ServiceSettings):
    """``OODA_PROMETHEUS_URL``: where request metrics are; without it error rates are not asked."""

    prometheus_url: HttpUrl | None = None
