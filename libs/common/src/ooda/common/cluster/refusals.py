"""What an answer of the API server means that is not the object that was asked for. Pure."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ooda.common.cluster.interface import ClusterError, Conflict, NotFound, Refused, Unavailable

_FAILED_TEST = "the server rejected our request due to an error in our request"
"""All that the API server says of a JSON patch whose `test` failed; an object that is not valid is
refused with the fields' names."""

_FROM_THE_FUTURE = "ResourceVersionTooLarge"
"""Cause of a 504 for a version that was not reached yet: etcd was restored to an older state."""


_NOT_YET = "not yet ready to handle request"
"""How an admission plugin refuses, with a 403, while it has not read what it judges by."""


class Expired(Unavailable):
    """The server cannot go on from this resource version, too old or not its own: list again."""


_MEANINGS: Mapping[int, type[ClusterError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.REQUEST_TIMEOUT: Unavailable,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Expired,
    HTTPStatus.TOO_MANY_REQUESTS: Unavailable,
}


def refusal(what: str, code: int, text: str) -> ClusterError:
    """Return the error that an answer with this code and body stands for."""
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    return meaning(what, code, status if isinstance(status, dict) else {"message": text[:200]})


def meaning(what: str, code: int, status: Mapping[str, Any]) -> ClusterError:
    """Return the error that a ``Status`` object stands for."""
    message = str(status.get("message") or "")[:500]
    sentence = f"{what}: {code} {message or status.get('reason') or ''}"
    if code == HTTPStatus.UNPROCESSABLE_ENTITY and message.startswith(_FAILED_TEST):
        return Conflict(sentence)
    if code == HTTPStatus.GATEWAY_TIMEOUT and _FROM_THE_FUTURE in _causes(status):
        return Expired(sentence)
    if code == HTTPStatus.FORBIDDEN and _NOT_YET in message:
        return Unavailable(sentence)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(sentence)
    return _MEANINGS.get(code, Refused)(sentence)


def _causes(status: Mapping[str, Any]) -> tuple[str, ...]:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    listed = causes if isinstance(causes, list) else []
    return tuple(str(each.get("reason")) for each in listed if isinstance(each, dict))
