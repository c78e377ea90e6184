"""Rotate the password of a database's account, and take that back; both can be done twice.

What the passwords are is in one Secret of the injector's own, ``injector-sealed``, from before
anything is changed until the run is over. The journal never holds one.
"""

import base64
import secrets
from dataclasses import dataclass

from ooda.common.cluster.interface import NotFound, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import FaultRun, RotateStep, StepRecord, Undone
from ooda.injector.core.looks import Look, look_at_logins
from ooda.injector.core.merge import MovedError
from ooda.injector.databases import Database, Login
from ooda.injector.ports import Cluster

SEALED = "injector-sealed"


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """Before the run, and while it lasts."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Rotates, on one cluster, with one kind of database."""

    api: Cluster
    own: str
    """The injector's namespace."""
    database: Database

    async def check(self, step: RotateStep) -> str | None:
        """Say why it could not be rotated; None if it could. Raises ClusterError, DatabaseError."""
        holder = await self.api.get(Kind.SECRET, step.object.namespace, step.object.name)
        role, old = _read(holder, step.username_key), _read(holder, step.password_key)
        admin = await self._admin(step)
        if role is None or old is None or admin is None:
            return "a key is not in its Secret"
        if role == step.admin_role:
            return "it is the administrator's own account"
        await self.api.get(Kind.SECRET, self.own, SEALED)
        if not await self.database.lets_in(Login(step.address, step.port, role, old)):
            return "the database does not accept what the Secret says"
        return None if await self.database.lets_in(admin) else "the administrator is not let in"

    async def apply(self, run_id: str, step: RotateStep) -> None:
        """Rotate, unless it is done. Raises MovedError, ClusterError, DatabaseError."""
        holder = await self.api.get(Kind.SECRET, step.object.namespace, step.object.name)
        role, now = _read(holder, step.username_key), _read(holder, step.password_key)
        admin = await self._admin(step)
        if role is None or admin is None:
            raise MovedError("a key is gone from its Secret")
        sealed = await self._unseal(run_id)
        if sealed is None and now is not None:
            sealed = Passwords(now, secrets.token_urlsafe(24))
            await self._seal(run_id, sealed)
        if sealed is None or now not in (sealed.old, sealed.new):
            raise MovedError("its password was changed meanwhile")
        await self.database.set_password(admin, role, sealed.new)
        if now != sealed.new:
            await self._say(step, now, sealed.new)
        await self.database.cut_sessions(admin, role)

    async def undo(self, run: FaultRun, record: StepRecord, step: RotateStep) -> Undone:
        """Set the old password again, and have the Secret say it; return what was found.

        Raises ClusterError, DatabaseError.
        """
        sealed = await self._unseal(run.run_id)
        if sealed is None:
            return Undone.NOTHING  # it is sealed before anything is changed
        holder = await self._holder(step)
        if holder is None:
            return Undone.GONE
        role, now = _read(holder, step.username_key), _read(holder, step.password_key)
        if role is None:
            return Undone.GONE
        found = Undone.OVERRIDDEN
        if now == sealed.new:
            found = Undone.REVERTED
        elif now == sealed.old:
            found = Undone.REPAIRED if record.done else Undone.NOTHING
        if not await self.database.lets_in(Login(step.address, step.port, role, sealed.old)):
            admin = await self._admin(step)
            if admin is None:
                return Undone.GONE
            await self.database.set_password(admin, role, sealed.old)
            found = Undone.REVERTED if found in (Undone.REPAIRED, Undone.NOTHING) else found
        if now is not None and now != sealed.old:
            await self._say(step, now, sealed.old)
        return found

    async def look(self, run: FaultRun) -> Look:
        """Look which password lets in. Raises ClusterError, DatabaseError."""
        for each in run.steps:
            if isinstance(each.step, RotateStep):
                return await self._look(run, each.step)
        return Look(bites=False, well=True, said="no password was rotated")

    async def forget(self, run_id: str) -> None:
        """Remove what is sealed for a run. Raises ClusterError."""
        live = await self.api.get(Kind.SECRET, self.own, SEALED)
        data = live.get("data") or {}
        kept = {key: value for key, value in data.items() if key not in _keys(run_id)}
        if kept != data:
            await self.api.replace(Kind.SECRET, {**live, "data": kept})

    async def _look(self, run: FaultRun, step: RotateStep) -> Look:
        sealed, holder = await self._unseal(run.run_id), await self._holder(step)
        role = None if holder is None else _read(holder, step.username_key)
        if sealed is None or holder is None or role is None:
            never = sealed is None
            return Look(bites=False, well=never, said="there is nothing to log in with")
        old, new = [
            await self.database.lets_in(Login(step.address, step.port, role, each))
            for each in (sealed.old, sealed.new)
        ]
        told = _read(holder, step.password_key) == sealed.old
        return look_at_logins(old=old, new=new, told=told)

    async def _holder(self, step: RotateStep) -> Object | None:
        try:
            return await self.api.get(Kind.SECRET, step.object.namespace, step.object.name)
        except NotFound:
            return None

    async def _admin(self, step: RotateStep) -> Login | None:
        live = await self.api.get(Kind.SECRET, step.admin.namespace, step.admin.name)
        password = _read(live, step.admin_key)
        if password is None:
            return None
        return Login(step.address, step.port, step.admin_role, password)

    async def _say(self, step: RotateStep, before: str, after: str) -> None:
        path = f"/data/{step.password_key}"
        operations = [
            {"op": "test", "path": path, "value": _encoded(before)},
            {"op": "replace", "path": path, "value": _encoded(after)},
        ]
        where = step.object
        await self.api.patch(Kind.SECRET, where.namespace, where.name, operations)

    async def _seal(self, run_id: str, passwords: Passwords) -> None:
        live = await self.api.get(Kind.SECRET, self.own, SEALED)
        values = map(_encoded, (passwords.old, passwords.new))
        data = {**(live.get("data") or {}), **dict(zip(_keys(run_id), values, strict=True))}
        await self.api.replace(Kind.SECRET, {**live, "data": data})

    async def _unseal(self, run_id: str) -> Passwords | None:
        live = await self.api.get(Kind.SECRET, self.own, SEALED)
        old, new = (_read(live, key) for key in _keys(run_id))
        return None if old is None or new is None else Passwords(old, new)


def _keys(run_id: str) -> tuple[str, str]:
    return f"{run_id}.old", f"{run_id}.new"


def _read(live: Object, key: str) -> str | None:
    """Return what a Secret says under a key; None if it says nothing."""
    found = (live.get("data") or {}).get(key)
    return base64.b64decode(found).decode() if found else None


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
