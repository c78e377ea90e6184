"""`ooda stop` and `ooda resume`: the kill switch, by the API server alone."""

import getpass
from typing import Annotated

import typer

from ooda.cli.session import finish, load_settings
from ooda.common import kill_switch
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.settings import Settings

NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Where the agent itself runs.")
]
OWN_NAMESPACE = "ooda-system"


def stop(
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it stopped.")] = "",
    namespace: NamespaceOption = OWN_NAMESPACE,
) -> None:
    """Stop the agent from changing anything, at once, until `ooda resume`.

    It creates one ConfigMap that is read before every write, so it works while NATS or Postgres
    is away. Watching, diagnosing and recording go on.

    For example: `ooda stop --reason "migration tonight"`.

    Exit status: 0 it is stopped, now or already; 3 the API server is away or refuses.
    """
    new = finish(_stop(load_settings(), namespace, reason))
    typer.echo(
        "Stopped: nothing is written until `ooda resume`." if new else "It was stopped already."
    )


def resume(namespace: NamespaceOption = OWN_NAMESPACE) -> None:
    """Let the agent act again after `ooda stop`.

    For example: `ooda resume`.

    Exit status: 0 it is not stopped any more; 3 the API server is away or refuses.
    """
    was = finish(_resume(load_settings(), namespace))
    typer.echo("Resumed: the agent may act again." if was else "It was not stopped.")


async def _stop(settings: Settings, namespace: str, reason: str) -> bool:
    async with ApiServer.connect(settings.cluster) as api:
        return await kill_switch.stop(
            api, namespace, by=getpass.getuser(), reason=reason, now=SystemClock().now()
        )


async def _resume(settings: Settings, namespace: str) -> bool:
    async with ApiServer.connect(settings.cluster) as api:
        return await kill_switch.resume(api, api, namespace)
