import socket

import httpx
import pytest

from shop.edges import error_type


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "name"),
    [
        pytest.param(TimeoutError(), "timeout", id="the deadline of the whole call"),
        pytest.param(httpx.ConnectTimeout(""), "ConnectTimeout", id="nobody answers a connect"),
        pytest.param(httpx.ConnectError(""), "ConnectError", id="refused"),
        pytest.param(httpx.ReadError(""), "ReadError", id="reset half-way"),
        pytest.param(
            raised_from(
                httpx.ConnectError(""),
                raised_from(OSError(), socket.gaierror(-2, "Name or service not known")),
            ),
            "name_resolution_error",
            id="no such name",
        ),
    ],
)
def test_a_failure_has_a_name_that_tells_it_from_others(error: Exception, name: str) -> None:
    assert error_type(error) == name
