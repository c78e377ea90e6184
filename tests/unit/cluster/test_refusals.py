import json

import pytest

from ooda.common.cluster.interface import ClusterError, Conflict, NotFound, Refused, Unavailable
from ooda.common.cluster.refusals import Expired, refusal

TOO_LARGE = json.dumps(
    {
        "kind": "Status",
        "message": "Timeout: Too large resource version: 5204, current: 204",
        "reason": "Timeout",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large"}]},
        "code": 504,
    }
)
FAILED_TEST = json.dumps(
    {"message": "the server rejected our request due to an error in our request"}
)
INVALID = json.dumps({"message": 'ConfigMap "A" is invalid: metadata.name', "reason": "Invalid"})

NOT_YET = json.dumps(
    {"message": 'pods "a" is forbidden: not yet ready to handle request', "reason": "Forbidden"}
)


@pytest.mark.parametrize(
    ("code", "body", "error"),
    [
        pytest.param(400, "{}", Refused, id="bad-request"),
        pytest.param(401, "{}", Refused, id="unauthorized"),
        pytest.param(403, "{}", Refused, id="forbidden"),
        pytest.param(403, NOT_YET, Unavailable, id="admission-has-just-begun"),
        pytest.param(404, "{}", NotFound, id="not-found"),
        pytest.param(408, "{}", Unavailable, id="request-timeout"),
        pytest.param(409, "{}", Conflict, id="conflict"),
        pytest.param(410, "{}", Expired, id="gone"),
        pytest.param(422, FAILED_TEST, Conflict, id="failed-test"),
        pytest.param(422, INVALID, Refused, id="invalid"),
        pytest.param(429, "{}", Unavailable, id="too-many"),
        pytest.param(500, "{}", Unavailable, id="internal"),
        pytest.param(504, "{}", Unavailable, id="timeout"),
        pytest.param(504, TOO_LARGE, Expired, id="version-from-the-future"),
        pytest.param(504, '{"details": {"causes": [1, {}]}}', Unavailable, id="odd-causes"),
        pytest.param(502, "<html>", Unavailable, id="html"),
        pytest.param(403, "[]", Refused, id="json-that-is-no-status"),
    ],
)
def test_what_an_answer_means(code: int, body: str, error: type[ClusterError]) -> None:
    assert type(refusal("GET /x", code, body)) is error


def test_the_message_says_what_was_asked_and_what_was_answered() -> None:
    said = str(refusal("POST /x", 422, INVALID))
    assert said == 'POST /x: 422 ConfigMap "A" is invalid: metadata.name'
