import pytest

from ooda.testbed.cluster.lifecycle import without_forwarder

KEPT = """.:53 {
    errors
    health {
       lameduck 5s
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
    }
%s    cache 30
    loop
}
"""


@pytest.mark.parametrize(
    "plugin",
    [
        pytest.param("", id="none there"),
        pytest.param("    forward . /etc/resolv.conf\n", id="line"),
        pytest.param(
            "    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n", id="block"
        ),
        pytest.param("    forward . 192.0.2.1 { max_concurrent 9 }\n", id="block in a line"),
        pytest.param(
            "    forward a.example 192.0.2.1\n    forward . 192.0.2.2 {\n      prefer_udp\n    }\n",
            id="several",
        ),
    ],
)
def test_only_the_forwarder_goes(plugin: str) -> None:
    assert without_forwarder(KEPT % plugin) == KEPT % ""
