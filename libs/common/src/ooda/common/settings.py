"""How a program finds NATS, Postgres and the API server, in the cluster or outside it.

The environment (``OODA_NATS__URL``, ...) comes before the configuration file. A section
that neither of them has is None: whether a program can do without is for it to say.
"""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    UrlConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails, Url
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ooda.common.config_file import ConfigError, config_path, read_config

ENV_PREFIX = "OODA_"
ENV_NESTED = "__"


def _without_credentials(url: Url) -> Url:
    if url.username or url.password:
        raise ValueError("holds credentials: user and password have fields of their own")
    return url


# No "tls": the client would send the password in clear to a server that does not offer TLS.
NatsUrl = Annotated[
    Url,
    UrlConstraints(allowed_schemes=["nats"], host_required=True, default_port=4222),
    AfterValidator(_without_credentials),
]
PostgresUrl = Annotated[
    Url,
    UrlConstraints(allowed_schemes=["postgresql"], host_required=True, default_port=5432),
    AfterValidator(_without_credentials),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _ServerSettings(_Section):
    url: Url
    user: str | None = None
    password: SecretStr | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; the constraints on the URL see to it that both are there."""
        return self.url.host or "", self.url.port or 0

    def reveal_password(self) -> str | None:
        """Return the password in clear, for the one call that hands it to the server."""
        return self.password.get_secret_value() if self.password else None


class NatsSettings(_ServerSettings):
    """The bus: where it is (nats://host:port) and who we are there."""

    url: NatsUrl


class PostgresSettings(_ServerSettings):
    """The audit database: where it is (postgresql://host:port/database) and our role there."""

    url: PostgresUrl


class ClusterSettings(_Section):
    """The API server, by a kubeconfig; without one, as ``ooda.common.cluster`` finds it."""

    kubeconfig: Path | None = None
    context: str | None = Field(default=None, description="the kubeconfig's current one if unset")


class PersonSettings(_Section):
    """Who answers reviews from here: a person's own user of the bus."""

    name: str
    password: SecretStr


class Settings(BaseSettings):
    """Everything a program needs to connect; immutable, built once where the program starts."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_NESTED,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    nats: NatsSettings | None = None
    postgres: PostgresSettings | None = None
    cluster: ClusterSettings = ClusterSettings()
    person: PersonSettings | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is given
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same, and no source of ours
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same, and no source of ours
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then what the constructor is given: the file, by ``load``."""
        return env_settings, init_settings

    @classmethod
    def load(cls) -> Self:
        """Read the environment and the configuration file.

        Raises ConfigError naming the file or variable and the field, never a value.
        """
        path = config_path()
        try:
            return cls(**read_config(path))
        except ValidationError as error:
            raise ConfigError("\n".join(_sentence(path, each) for each in error.errors())) from None
        except SettingsError as error:
            raise ConfigError(f"environment variable {ENV_PREFIX}*: {error}") from None


def _sentence(path: Path, error: ErrorDetails) -> str:
    """Where the value came from, which field, what is wrong: never the value itself."""
    field = ".".join(str(part) for part in error["loc"])
    variable = ENV_PREFIX + ENV_NESTED.join(str(part) for part in error["loc"]).upper()
    from_environment = variable in {name.upper() for name in os.environ}
    match error["type"]:
        case "missing":
            return f"{field} is missing: set it in {path}, or as {variable}"
        case "extra_forbidden":
            problem = "is not a known field: correct its name or remove it"
        case _:
            problem = error["msg"].removeprefix("Value error, ")
    source = f"environment variable {variable}" if from_environment else str(path)
    return f"{source}: {field}: {problem}"
