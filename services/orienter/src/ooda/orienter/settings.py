"""What the orienter is told, beside what every service is."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ooda.common.service import ServiceSettings

OPENAI_URL = "https://api.openai.com/v1"
"""Where requests go if only a name and a key are given, as with OpenAI's own client."""

URL_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")
"""The names by which others know the address, the first that is set."""

KEY_VARIABLE = "OPENAI_API_KEY"


def _without_credentials(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("holds credentials: the key has a field of its own")
    return url


ModelUrl = Annotated[HttpUrl, AfterValidator(_without_credentials)]


class ModelSettings(BaseModel):
    """A language model behind an OpenAI-compatible endpoint. Its name switches it on.

    ``OODA_MODEL__NAME`` and so on. The address is ``OODA_MODEL__URL``, else ``OPENAI_BASE_URL``,
    else ``OPENAI_API_BASE``, else OpenAI's; the key ``OODA_MODEL__API_KEY``, else
    ``OPENAI_API_KEY``. A key or an address alone, left in an environment, sends nothing anywhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=200)
    url: ModelUrl = HttpUrl(OPENAI_URL)
    api_key: SecretStr | None = None
    seconds: float = Field(default=10.0, gt=0, le=60)
    """The whole consultation; what the tools found is published without it afterwards."""
    calls: int = Field(default=6, ge=1, le=20)
    """Requests to the model for one diagnosis."""
    tokens: int = Field(default=30_000, ge=1_000)
    """Of all these requests together, read and written."""
    reply_tokens: int = Field(default=2_000, ge=100)
    """That one reply may have; models that reason aloud need more."""
    stream: bool = False
    """Have replies streamed: some servers give no others."""

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, given: Any) -> Any:
        """Add what the variables of others say. Raises ValueError naming the variable."""
        if not isinstance(given, Mapping):
            return given
        found = dict(given)
        for variable in URL_VARIABLES:
            if not found.get("url") and (value := os.environ.get(variable)):
                found["url"] = _url(value, variable)
        if not found.get("api_key") and (key := os.environ.get(KEY_VARIABLE)):
            found["api_key"] = key
        return found


def _url(value: str, variable: str) -> HttpUrl:
    try:
        return TypeAdapter(ModelUrl).validate_python(value)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"environment variable {variable}: {problem}") from None


class OrienterSettings(ServiceSettings):
    """``OODA_PROMETHEUS_URL``: where request metrics are; without it error rates are not asked."""

    prometheus_url: HttpUrl | None = None
    model: ModelSettings | None = None
