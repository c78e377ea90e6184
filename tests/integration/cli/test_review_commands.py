"""A person answers by `ooda`: the real bus with its accounts, a real trail, a real decider."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from nats.js.api import Header
from prometheus_client import CollectorRegistry

from factories.decider import LIMITS, PLAYBOOK, ready, started
from factories.events import CHECKOUT, NAMESPACE, NOW, make
from fakes.deciding import BROKEN, shop
from ooda.common.bus.nats_bus import NatsBus
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.events import AnomalyFlagged, DecisionMade, ReviewAnswered, ReviewRequested
from ooda.common.taxonomy import Verdict
from ooda.common.testing.bus import delivery
from ooda.common.testing.cluster import FakeCluster
from ooda.common.topology import DECIDER_PEOPLE, DECISIONS, Account, Service
from ooda.decider.core.record import Entry
from ooda.decider.desk import Desk
from ooda.decider.handlers import Handlers
from ooda.decider.meters import Meters
from ooda.recorder.core.rows import row_of
from ooda.recorder.store import Store, recorder_engine
from servers.command_line import Ooda
from servers.loop_bus import LoopBus, loop_bus
from servers.trail import Database, delivered
from servers.waiting import until

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LoopBus]:
    async with loop_bus(tmp_path_factory.mktemp("nats")) as running:
        yield running


@dataclass
class Counter:
    """What is there on the servers: a decider with one question to a person, and the trail."""

    bus: LoopBus
    audit: Database
    cluster: FakeCluster
    desk: Desk
    incident_id: str

    def asked(self) -> ReviewRequested:
        (record,) = (e for e in self.desk.incidents() if e.incident_id == self.incident_id)
        assert record.review is not None
        return record.review

    async def record(self) -> None:
        """Be the recorder of the question."""
        engine = recorder_engine(self.audit.url("recorder"))
        row = row_of(delivered(self.asked(), uuid.uuid4().int % 10**9), Account.LOOP, NOW)
        await Store(engine).append([row])
        await engine.dispose()

    async def decisions(self) -> list[DecisionMade]:
        """Return what was decided, from the stream."""
        async with self.bus.client(Service.BOOTSTRAP) as (client, _):
            jetstream = client.jetstream()
            info = await jetstream.stream_info("LOOP")
            found = []
            for sequence in range(1, info.state.last_seq + 1):
                message = await jetstream.get_msg("LOOP", sequence)
                if message.subject == DecisionMade.subject:
                    found.append(DecisionMade.model_validate_json(message.data or b""))
        return [each for each in found if each.incident_id == self.incident_id]

    async def acted(self) -> bool:
        return bool(await self.acts())

    async def acts(self) -> list[DecisionMade]:
        return [each for each in await self.decisions() if each.verdict is Verdict.ACT]


@pytest_asyncio.fixture(loop_scope="module")
async def counter(bus: LoopBus, audit: Database) -> AsyncIterator[Counter]:
    cluster = shop(FakeCluster(), "propose")
    incident_id = str(uuid.uuid4())
    async with bus.running(Service.DECIDER) as loop:
        desk = Desk(
            loop.bucket(DECISIONS, Entry),
            loop,
            cluster,
            SystemClock(),
            PLAYBOOK,
            LIMITS,
            Meters(CollectorRegistry()),
        )
        await desk.load()
        handlers = Handlers(desk)
        made = Counter(bus, audit, cluster, desk, incident_id)

        def register(people: NatsBus) -> None:
            people.consume(DECIDER_PEOPLE, handlers.on_answer)

        for each in (
            make(AnomalyFlagged),
            started().model_copy(update={"incident_id": incident_id}),
            ready(incident_id=incident_id),
        ):
            await handlers.on_loop(delivery(each, stored_at=NOW))
        await made.record()
        async with bus.running(Service.DECIDER, Account.PEOPLE, register):
            yield made
        for act in await made.acts():
            assert act.request is not None
            await desk.end_action(act.request.action_id, wrote=False)


@pytest.fixture
def alice(ooda: Ooda, bus: LoopBus, audit: Database) -> Ooda:
    ooda.environment |= {
        "OODA_PERSON__NAME": "alice",
        "OODA_PERSON__PASSWORD": bus.passwords["PERSON_ALICE_PASSWORD"],
    }
    return ooda.with_bus(bus).with_audit(audit)


async def run(ooda: Ooda, *arguments: str) -> "CompletedProcess[str]":
    # As a process of its own: what the decider logs here is not what the command prints.
    return await asyncio.to_thread(ooda.process, *arguments)


async def test_an_approval_acts_once_and_the_person_hears_of_it(
    counter: Counter, alice: Ooda
) -> None:
    review_id = counter.asked().review_id
    listed = await run(alice, "review", "list")
    assert review_id[:8] in listed.stdout
    done = await run(alice, "review", "approve", review_id[:8], "--comment", "known bad")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == [
        "Roll Deployment checkout back?",
        "acting: Rolling back Deployment checkout.",
    ]
    again = await run(alice, "review", "approve", review_id, "-o", "json")
    assert again.returncode == 1
    told = json.loads(again.stdout)
    assert (told["settlement"], told["reason"]) == (
        "already_answered",
        "alice approved it before.",
    )
    (act,) = await counter.acts()
    assert act.approval is not None
    assert (act.approval.person, act.approval.review_id) == ("alice", review_id)


async def test_an_approval_of_what_changed_is_void_and_asked_anew(
    counter: Counter, alice: Ooda
) -> None:
    counter.cluster.put(
        Kind.DEPLOYMENT,
        {
            "metadata": {"namespace": NAMESPACE, "name": CHECKOUT.name},
            "spec": {"replicas": 2, "template": BROKEN, "paused": True},
        },
    )
    done = await run(alice, "review", "approve", counter.asked().review_id)
    assert done.returncode == 1
    assert "void: Deployment checkout changed since the question was asked." in done.stdout
    assert f"Asked anew: `ooda review show {counter.asked().review_id[:8]}`." in done.stdout
    assert await counter.acts() == []
    await counter.record()
    done = await run(alice, "review", "approve", counter.asked().review_id)
    assert (done.returncode, len(await counter.acts())) == (0, 1)


async def test_a_rejection_is_final(counter: Counter, alice: Ooda) -> None:
    review_id = counter.asked().review_id
    done = await run(alice, "review", "reject", review_id, "-m", "\x1b[2J no")
    assert done.returncode == 0
    said = r"rejected: alice rejected rolling back Deployment checkout: \x1b[2J no"
    assert said in done.stdout
    after = await run(alice, "review", "approve", review_id)
    assert after.returncode == 1
    assert "already_answered: alice rejected it before." in after.stdout
    assert await counter.acts() == []


async def test_the_same_answer_again_and_again_is_one(counter: Counter, bus: LoopBus) -> None:
    asked = counter.asked()
    answer = make(
        ReviewAnswered,
        event_id=str(uuid.uuid4()),
        review_id=asked.review_id,
        incident_id=counter.incident_id,
    )
    password = bus.passwords["PERSON_ALICE_PASSWORD"]
    async with bus.client_of("alice", password) as (client, _):
        for number in range(3):
            # Past the server's own look for duplicates, as if its window were over.
            headers = {str(Header.MSG_ID.value): f"{answer.event_id}-{number}"}
            await client.jetstream().publish(
                answer.subject_of(), answer.model_dump_json().encode(), headers=headers
            )
    await until(counter.acted, 10)
    async with bus.client(Service.BOOTSTRAP, Account.PEOPLE) as (client, _):

        async def handled() -> bool:
            info = await client.jetstream().consumer_info("PEOPLE", "decider")
            return not info.num_pending and not info.num_ack_pending

        await until(handled, 10)
    assert len(await counter.acts()) == 1


@pytest.mark.parametrize(
    ("name", "whose", "says"),
    [
        ("bob", "alice", "refuses user bob"),
        ("carol", "alice", "refuses user carol"),
        ("decider-people", "alice", "refuses user decider-people"),
    ],
)
async def test_nobody_answers_in_the_name_of_another(
    counter: Counter, alice: Ooda, bus: LoopBus, name: str, whose: str, says: str
) -> None:
    alice.environment |= {
        "OODA_PERSON__NAME": name,
        "OODA_PERSON__PASSWORD": bus.passwords[f"PERSON_{whose.upper()}_PASSWORD"],
    }
    done = await run(alice, "review", "approve", counter.asked().review_id)
    assert (done.returncode, says in done.stderr) == (3, True)
    assert await counter.acts() == []


async def test_the_server_refuses_an_answer_on_the_subject_of_another(
    counter: Counter, bus: LoopBus
) -> None:
    forged: Any = make(ReviewAnswered, person="bob", review_id=counter.asked().review_id)
    password = bus.passwords["PERSON_ALICE_PASSWORD"]
    async with bus.client_of("alice", password) as (client, refused):
        await client.publish(forged.subject_of(), forged.model_dump_json().encode())
        await client.flush()
        await until(lambda: bool(refused), 5)
        assert "review.answered.bob" in refused[0]
        # On her own subject, but in his name: the decider does not take it.
        await client.jetstream().publish("review.answered.alice", forged.model_dump_json().encode())
    async with bus.client(Service.BOOTSTRAP, Account.PEOPLE) as (client, _):

        async def buried() -> bool:
            last = await client.jetstream().get_last_msg("PEOPLE", "dead.letter")
            return b"brought an answer of bob" in (last.data or b"")

        await until(buried, 10)
    assert await counter.acts() == []


async def test_what_is_not_there_or_not_configured(alice: Ooda) -> None:
    done = await run(alice, "review", "approve", "ffffffff")
    assert (done.returncode, "there is none" in done.stderr) == (1, True)
    del alice.environment["OODA_PERSON__NAME"], alice.environment["OODA_PERSON__PASSWORD"]
    done = await run(alice, "review", "reject", "ffffffff")
    assert (done.returncode, "OODA_PERSON__NAME" in done.stderr) == (2, True)
