"""What a user may not do, tried with a plain client against the rendered configuration."""

import json
from collections.abc import AsyncIterator

import nats.errors
import nats.js.errors
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from ooda.common.topology import Account, Service
from servers.loop_bus import LoopBus, loop_bus
from servers.waiting import until

PUBLISHES = [
    (Service.ORIENTER, Account.LOOP, "anomaly.flagged"),
    (Service.OBSERVER, Account.LOOP, "decision.made"),
    (Service.DECIDER, Account.LOOP, "action.started"),
    (Service.DECIDER, Account.LOOP, "review.answered.alice"),
    (Service.DECIDER, Account.PEOPLE, "review.answered.alice"),
    (Service.ACTOR, Account.LOOP, "action.recorded"),
    (Service.RECORDER, Account.LOOP, "action.executed"),
    (Service.RECORDER, Account.FAULTS, "fault.requested"),
    (Service.INJECTOR, Account.LOOP, "anomaly.cleared"),
    (Service.INJECTOR, Account.LOOP, "incident.closed"),
    (Service.CLI, Account.LOOP, "decision.made"),
    (Service.CLI, Account.LOOP, "dead.letter"),
    (Service.OBSERVER, Account.LOOP, "replay.actor"),
    (Service.INJECTOR, Account.LOOP, "replay.actor"),
    (Service.CLI, Account.FAULTS, "replay.recorder"),
    (Service.CLI, Account.PEOPLE, "review.answered.alice"),
    (Service.ORIENTER, Account.LOOP, "$KV.decisions.one"),
    (Service.CLI, Account.LOOP, "$KV.decisions.one"),
    (Service.ACTOR, Account.LOOP, "$JS.ACK.LOOP.decider.1.1.1.1.1"),
    (Service.ACTOR, Account.LOOP, "_INBOX_decider.x"),
]
REQUESTS = [
    (Service.ACTOR, "$JS.API.CONSUMER.INFO.LOOP.decider"),
    (Service.ACTOR, "$JS.API.CONSUMER.MSG.NEXT.LOOP.decider"),
    (Service.ACTOR, "$JS.API.CONSUMER.CREATE.LOOP.spy"),
    (Service.ACTOR, "$JS.API.CONSUMER.DURABLE.CREATE.LOOP.actor"),
    (Service.ACTOR, "$JS.API.CONSUMER.DELETE.LOOP.actor"),
    (Service.ACTOR, "$JS.API.CONSUMER.LIST.LOOP"),
    (Service.ACTOR, "$JS.API.CONSUMER.PAUSE.LOOP.actor"),
    (Service.ACTOR, "$JS.API.STREAM.CREATE.MINE"),
    (Service.ACTOR, "$JS.API.STREAM.UPDATE.LOOP"),
    (Service.ACTOR, "$JS.API.STREAM.DELETE.LOOP"),
    (Service.ACTOR, "$JS.API.STREAM.PURGE.KV_actions"),
    (Service.ACTOR, "$JS.API.STREAM.MSG.DELETE.LOOP"),
    (Service.ACTOR, "$JS.API.STREAM.MSG.GET.LOOP"),
    (Service.ACTOR, "$JS.API.STREAM.NAMES"),
    (Service.ACTOR, "$JS.API.DIRECT.GET.KV_decisions.$KV.decisions.one"),
    (Service.ACTOR, "$JS.API.DIRECT.GET.KV_decisions"),
    (Service.OBSERVER, "$JS.API.DIRECT.GET.TELEMETRY"),
    (Service.INJECTOR, "$JS.API.CONSUMER.CREATE.LOOP.spy"),
    (Service.INJECTOR, "$JS.API.STREAM.MSG.GET.LOOP"),
    (Service.INJECTOR, "$JS.API.DIRECT.GET.TELEMETRY"),
    (Service.CLI, "$JS.API.STREAM.PURGE.LOOP"),
    (Service.CLI, "$JS.API.CONSUMER.CREATE.LOOP.spy"),
]
SUBSCRIPTIONS = [
    (Service.ACTOR, ">"),
    (Service.ACTOR, "decision.made"),
    (Service.ACTOR, "_INBOX_decider.>"),
    (Service.ACTOR, "$KV.actions.>"),
    (Service.ACTOR, "status.decider"),
    (Service.ACTOR, "replay.decider"),
    (Service.ACTOR, "scenarios.injector"),
    (Service.ORIENTER, "_INBOX_cli.>"),
    (Service.INJECTOR, "anomaly.>"),
    (Service.CLI, ">"),
    (Service.CLI, "_INBOX_actor.>"),
]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LoopBus]:
    """One server for all: what is refused leaves nothing behind."""
    async with loop_bus(tmp_path_factory.mktemp("nats")) as running:
        yield running


async def refused(client: Client, said: list[str], what: str) -> None:
    await client.flush()
    await until(lambda: any("permissions violation" in each.lower() for each in said), seconds=5)
    assert any(what.lower() in each.lower() for each in said), said


@pytest.mark.parametrize(("service", "account", "subject"), PUBLISHES)
async def test_no_foreign_subject(
    server: LoopBus, service: Service, account: Account, subject: str
) -> None:
    async with server.client(service, account) as (client, said):
        await client.publish(subject, b"{}")
        await refused(client, said, subject)


@pytest.mark.parametrize(("service", "subject"), REQUESTS)
async def test_nothing_of_jetstream_but_its_own(
    server: LoopBus, service: Service, subject: str
) -> None:
    async with server.client(service) as (client, said):
        with pytest.raises(nats.errors.TimeoutError):
            await client.request(subject, b"{}", timeout=0.2)
        await refused(client, said, subject)


@pytest.mark.parametrize(("service", "subject"), SUBSCRIPTIONS)
async def test_no_foreign_subscription(server: LoopBus, service: Service, subject: str) -> None:
    async with server.client(service) as (client, said):
        await client.subscribe(subject)
        await refused(client, said, subject)


async def test_another_accounts_stream_does_not_exist(server: LoopBus) -> None:
    async with server.client(Service.BOOTSTRAP) as (client, _):
        with pytest.raises(nats.js.errors.NotFoundError):
            await client.jetstream().stream_info("FAULTS")


async def test_a_person_answers_in_their_own_name_only(server: LoopBus) -> None:
    async with server.client_of("alice", server.passwords["PERSON_ALICE_PASSWORD"]) as (
        client,
        said,
    ):
        stored = await client.jetstream().publish("review.answered.alice", b"{}")
        assert stored.stream == "PEOPLE"
        await client.publish("review.answered.bob", b"{}")
        await refused(client, said, "review.answered.bob")


async def test_a_wrong_password_is_refused(server: LoopBus) -> None:
    client, said = Client(), list[str]()

    async def remember(error: Exception) -> None:
        said.append(str(error))

    with pytest.raises(nats.errors.Error):
        await client.connect(
            server.url,
            user="actor",
            password="wrong",
            error_cb=remember,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
        )
    await client.close()
    assert "authorization violation" in said[0].lower()


async def test_a_roll_up_does_not_wipe_a_bucket(server: LoopBus) -> None:
    async with server.client(Service.ACTOR) as (client, _):
        jetstream = client.jetstream()
        await jetstream.publish("$KV.actions.one", b"{}")
        with pytest.raises(nats.js.errors.APIError, match="rollup"):
            await jetstream.publish("$KV.actions.two", b"{}", headers={"Nats-Rollup": "all"})
        kept = await jetstream.get_msg("KV_actions", subject="$KV.actions.one", direct=True)
        assert kept.data == b"{}"


async def test_the_command_line_reads_streams_and_status_and_nothing_else(
    server: LoopBus,
) -> None:
    async with server.client(Service.OBSERVER) as (observer, _):
        await observer.jetstream().publish("anomaly.flagged", b'{"some": "event"}')

        async def answer(request: Msg) -> None:
            await request.respond(b"fine")

        await observer.subscribe("status.observer", cb=answer)
        async with server.client(Service.CLI) as (client, said):
            jetstream = client.jetstream()
            assert (await jetstream.stream_info("LOOP")).state.messages >= 1
            message = await jetstream.get_msg("LOOP", subject="anomaly.flagged", direct=True)
            assert json.loads(message.data or b"") == {"some": "event"}
            assert (await client.request("status.observer", timeout=5)).data == b"fine"
            assert said == []
