"""Accounts of a database on paper: who is let in, and whose sessions were cut."""

from ooda.injector.databases import DatabaseError, Login


class PaperDatabase:
    """One database, whatever its address."""

    def __init__(self, **passwords: str) -> None:
        self.passwords = passwords
        """By account."""
        self.cut: list[str] = []
        """Accounts whose sessions were ended."""

    async def lets_in(self, login: Login) -> bool:
        return self.passwords.get(login.role) == login.password

    async def set_password(self, admin: Login, role: str, password: str) -> None:
        if not await self.lets_in(admin):
            raise DatabaseError(f"the password of {role} could not be set")
        self.passwords[role] = password

    async def cut_sessions(self, admin: Login, role: str) -> None:
        if not await self.lets_in(admin):
            raise DatabaseError(f"the sessions of {role} could not be ended")
        self.cut.append(role)
