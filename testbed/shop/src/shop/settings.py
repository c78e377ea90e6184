"""What the environment may set, one class per subsystem; every variable begins with SHOP_."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class _FromEnvironment(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_", frozen=True)


class WebSettings(_FromEnvironment):
    """Where a service listens and what it calls itself."""

    name: str = Field(description="the workload's name; the client side of its edges")
    host: str = "0.0.0.0"  # noqa: S104 -- a pod's address is not known beforehand
    port: int = 8080
    drain_seconds: int = Field(10, description="time that open requests get at shutdown")


class EdgeSettings(_FromEnvironment):
    """How the calls to other services are made."""

    urls: dict[str, str] = Field(
        {}, description="where a service is, if not at http://<service>:8080; a JSON object"
    )
    breaker_threshold: int = Field(5, ge=1, description="failures in a row that open an edge")
    breaker_reset_seconds: float = Field(5.0, gt=0, description="time before a trial call")
    breaker_config_map: str = "circuit-breakers"


class VerifierSettings(_FromEnvironment):
    """What a service needs to verify tokens."""

    verification_key_file: Path = Path("/etc/shop/verification/public.pem")


class ServiceTokenSettings(_FromEnvironment):
    """Where the token is that services show each other."""

    service_token_secret: str = "service-token"  # noqa: S105 -- a name


class IssuerSettings(_FromEnvironment):
    """What auth needs to issue tokens."""

    signing_key_file: Path = Path("/etc/shop/signing/private.pem")
    customers: int = Field(
        500, ge=1, description="demonstration users: customer-1, customer-2 and so on"
    )
    users_password: SecretStr = Field(description="the password of all demonstration users")
    refresh_secret: SecretStr = Field(description="the token refresh Job's own credential")
    user_token_seconds: int = Field(900, gt=0)
    service_token_seconds: int = Field(3600, gt=0)


class RefreshSettings(_FromEnvironment):
    """What the token refresh Job needs."""

    auth_url: str = "http://auth:8080"
    refresh_secret: SecretStr
    service_token_secret: str = "service-token"  # noqa: S105 -- a name


class CatalogSettings(_FromEnvironment):
    """Where the price list is and how fresh it has to be."""

    price_list_config_map: str = "price-list"
    price_list_period_seconds: float = 3.0
    price_list_max_age_seconds: float = Field(
        10.0, description="after this long unreadable, prices are no longer vouched for"
    )


class CartSettings(_FromEnvironment):
    """Where carts are kept."""

    redis_url: str = "redis://carts:6379/0"


class OrdersSettings(_FromEnvironment):
    """The orders database and the account that checkout uses in it."""

    orders_db_host: str = "orders-db"
    orders_db_port: int = 5432
    orders_db_name: str = "orders"
    orders_db_username: str
    orders_db_password: SecretStr


class PaymentSettings(_FromEnvironment):
    """Which of the two payment services this is."""

    payment_offline: bool = Field(
        default=False, description="authorise without the bank, to be settled later"
    )


class VolumeSettings(_FromEnvironment):
    """The reports volume and how full it may get."""

    reports_directory: Path = Path("/var/lib/reports")
    reports_period_seconds: float = 30.0
    reports_max_files: int = 500
    reports_max_bytes: int = 32 * 1024 * 1024
    clean_keep_files: int = 10
    clean_keep_bytes: int = 4 * 1024 * 1024
