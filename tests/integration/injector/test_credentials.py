"""A password is rotated in a real database, and given back; the cluster is in memory."""

import base64
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from factories.fault_runs import fault_run
from factories.objects import pod
from fakes.mortal import Died, Mortal
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_probes import Effect, LoginProbe
from ooda.common.fault_runs import FaultRun, RotateStep, StepRecord, Undone
from ooda.common.testing.cluster import FakeCluster
from ooda.injector import baseline
from ooda.injector.core.looks import Look
from ooda.injector.core.merge import MovedError
from ooda.injector.credentials import SEALED, Credentials
from ooda.injector.databases import DatabaseError, Login, Postgres
from ooda.injector.faults.credential import Credential
from ooda.injector.faults.scene import NotApplicableError, Scene
from ooda.injector.probes.asking import Logins
from servers.postgres import PASSWORD
from servers.postgres import Postgres as Server
from servers.processes import free_port

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

HERE, OWN, OLD = "fault-injection-shop", "ooda-system", "as-it-was"
PARAMETERS = {
    "secret": "credentials",
    "username_key": "user",
    "password_key": "secret",
    "service": "db",
    "admin_secret": "admin",
    "admin_key": "password",
    "admin_role": "postgres",
}
HOLDS = {"valueFrom": {"secretKeyRef": {"name": "credentials", "key": "secret"}}}


def encoded(**values: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def secret(name: str, namespace: str = HERE, **values: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": encoded(**values)}


class Shop:
    """A target whose password is in a Secret, and the database that takes it."""

    def __init__(self, server: Server) -> None:
        self.server, self.role = server, f"shop_{uuid.uuid4().hex[:8]}"
        self.api, self.database = FakeCluster(), Postgres()
        self.api.put(Kind.SECRET, secret("credentials", user=self.role, secret=OLD))
        self.api.put(Kind.SECRET, secret("admin", password=PASSWORD))
        self.api.put(Kind.SECRET, {"metadata": {"name": SEALED, "namespace": OWN}})
        self.credentials = Credentials(self.api, OWN, self.database)
        (self.step,) = Credential().plan(self.scene(), PARAMETERS)
        assert isinstance(self.step, RotateStep)
        effect = Effect(probe=LoginProbe(), within_seconds=20)
        self.run = fault_run(StepRecord(step=self.step), effect=effect)

    def scene(self, *, variable: Any = HOLDS, address: str = "127.0.0.1") -> Scene:
        container = {"name": "app", "env": [{"name": "PASSWORD"} | variable]}
        workload = {
            "metadata": {"name": "checkout", "namespace": HERE},
            "spec": {
                "selector": {"matchLabels": {"app": "checkout"}},
                "template": {"spec": {"containers": [container]}},
            },
        }
        service = {
            "metadata": {"name": "db"},
            "spec": {"clusterIP": address, "ports": [{"port": self.server.port}]},
        }
        return Scene(workload, {Kind.SERVICE: [service], Kind.POD: [pod()]})

    def done(self) -> FaultRun:
        return self.run.with_step(0, done=True)

    async def apply(self) -> None:
        assert isinstance(self.step, RotateStep)
        await self.credentials.apply(self.run.run_id, self.step)

    async def undo(self, run: FaultRun) -> Undone:
        assert isinstance(self.step, RotateStep)
        return await self.credentials.undo(run, run.steps[0], self.step)

    async def look(self) -> Look:
        return await Logins(self.credentials, self.run).look()

    async def says(self) -> str:
        live = await self.api.get(Kind.SECRET, HERE, "credentials")
        return base64.b64decode(live["data"]["secret"]).decode()

    async def lets_in(self, password: str) -> bool:
        login = Login("127.0.0.1", self.server.port, self.role, password)
        return await self.database.lets_in(login)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(postgres: Server) -> AsyncIterator[Shop]:
    made = Shop(postgres)
    async with await psycopg.AsyncConnection.connect(postgres.dsn(), autocommit=True) as admin:
        await admin.execute(f"CREATE ROLE {made.role} LOGIN PASSWORD '{OLD}'".encode())
        yield made
        await admin.execute(f"DROP ROLE {made.role}".encode())


async def test_there_and_back(shop: Shop) -> None:
    assert isinstance(shop.step, RotateStep)
    assert await shop.credentials.check(shop.step) is None
    dsn = shop.server.dsn(shop.role, OLD)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as session:
        assert not (await shop.look()).bites
        await shop.apply()
        with pytest.raises(psycopg.OperationalError):
            await session.execute("SELECT 1")
    new = await shop.says()
    assert (await shop.lets_in(OLD), await shop.lets_in(new)) == (False, True)
    look = await shop.look()
    assert (look.bites, look.well) == (True, False)
    assert await shop.undo(shop.done()) is Undone.REVERTED
    assert (await shop.lets_in(OLD), await shop.lets_in(new)) == (True, False)
    assert await shop.says() == OLD
    look = await shop.look()
    assert (look.bites, look.well) == (False, True)
    await shop.credentials.forget(shop.run.run_id)
    sealed = await shop.api.get(Kind.SECRET, OWN, SEALED)
    assert sealed["data"] == {}


async def test_the_journal_holds_no_password(shop: Shop) -> None:
    await shop.apply()
    new = await shop.says()
    written = shop.done().model_dump_json()
    for value in (OLD, new, PASSWORD, *encoded(a=OLD, b=new, c=PASSWORD).values()):
        assert value not in written
    assert await baseline.take(shop.api, HERE, [shop.step]) == {}
    await shop.undo(shop.done())


@pytest.mark.parametrize(
    ("at", "after", "found"),
    [
        pytest.param(0, False, Undone.NOTHING, id="nothing is sealed"),
        pytest.param(0, True, Undone.NOTHING, id="sealed and not rotated"),
        pytest.param(1, False, Undone.REVERTED, id="rotated and not said"),
        pytest.param(1, True, Undone.REVERTED, id="rotated and said"),
    ],
)
async def test_killed_at_a_write_it_can_be_taken_back_and_made_again(
    shop: Shop, at: int, found: Undone, *, after: bool
) -> None:
    assert isinstance(shop.step, RotateStep)
    mortal = Mortal(shop.api, at, after=after)
    with pytest.raises(Died):
        await Credentials(mortal, OWN, shop.database).apply(shop.run.run_id, shop.step)
    assert await shop.undo(shop.run) is found
    assert (await shop.lets_in(OLD), await shop.says()) == (True, OLD)
    await shop.apply()
    await shop.apply()
    assert not await shop.lets_in(OLD)
    assert await shop.undo(shop.done()) is Undone.REVERTED
    assert await shop.undo(shop.done()) is Undone.REPAIRED
    assert (await shop.lets_in(OLD), await shop.says()) == (True, OLD)


async def test_what_somebody_else_set_back_or_changed(shop: Shop) -> None:
    await shop.apply()
    shop.api.put(Kind.SECRET, secret("credentials", user=shop.role, secret="a third one"))
    assert not (await shop.look()).well
    assert await shop.undo(shop.done()) is Undone.OVERRIDDEN
    assert (await shop.lets_in(OLD), await shop.says()) == (True, OLD)
    shop.api.put(Kind.SECRET, secret("credentials", user=shop.role, secret="another"))
    with pytest.raises(MovedError, match="changed meanwhile"):
        await shop.apply()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"user": "postgres", "secret": PASSWORD}, "administrator's own"),
        ({"secret": OLD}, "a key is not in its Secret"),
        ({"user": "ROLE", "secret": "not it"}, "does not accept what the Secret says"),
    ],
)
async def test_what_cannot_be_rotated(shop: Shop, changed: dict[str, str], words: str) -> None:
    assert isinstance(shop.step, RotateStep)
    said = {key: value.replace("ROLE", shop.role) for key, value in changed.items()}
    shop.api.put(Kind.SECRET, secret("credentials", **said))
    problem = await shop.credentials.check(shop.step)
    assert problem is not None
    assert words in problem


async def test_a_wrong_administrator_is_seen_before(shop: Shop) -> None:
    assert isinstance(shop.step, RotateStep)
    shop.api.put(Kind.SECRET, secret("admin", password="wrong"))
    assert await shop.credentials.check(shop.step) == "the administrator is not let in"
    with pytest.raises(DatabaseError, match="could not be set"):
        await shop.apply()


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ({"variable": {"value": "x"}}, "no variable of its first container"),
        ({"address": "None"}, "no Service db"),
    ],
)
async def test_a_target_that_does_not_fit(shop: Shop, scene: dict[str, Any], words: str) -> None:
    with pytest.raises(NotApplicableError, match=words):
        Credential().plan(shop.scene(**scene), PARAMETERS)


async def test_a_database_that_is_away_says_nothing() -> None:
    with pytest.raises(DatabaseError, match="opened no session"):
        await Postgres().lets_in(Login("127.0.0.1", free_port(), "shop", OLD))
