"""A bucket of records over JetStream's key-value layout, with no more rights than its user has.

Not the client's own key-value class: that one wants to watch and to make consumers. Reading is
``DIRECT.GET`` by subject, the keys come from the stream's state, writing is a publish that the
server compares with the last revision of the key.
"""

import uuid
from collections.abc import Sequence
from typing import Generic

import nats.js.errors
from nats.js.api import Header, RawStreamMsg
from nats.js.client import JetStreamContext
from pydantic import ValidationError

from ooda.common import topology
from ooda.common.bus.asking import patiently, store
from ooda.common.bus.interface import BusUnavailableError, Record, RecordConflictError, Stored
from ooda.common.bus.subjects import check_key

WRONG_LAST_SEQUENCE = 10071
MARKER_SECONDS = 3600
"""How long a deleted key is marked as such; without an end each start would read all there were."""
_OPERATION = "KV-Operation"


class NatsBucket(Generic[Record]):
    """Records of one type in one bucket; see ``interface.Bucket``."""

    def __init__(
        self, jetstream: JetStreamContext, bucket: topology.Bucket, record: type[Record]
    ) -> None:
        self._jetstream = jetstream
        self._name = bucket.name
        self._record = record

    async def get(self, key: str) -> Stored[Record] | None:
        """Return a record, None if there is none."""
        message = await self._last(key)
        if message is None or _OPERATION in (message.headers or {}):
            return None
        try:
            record = self._record.model_validate_json(message.data or b"")
        except ValidationError as error:
            raise ValueError(
                f"bucket {self._name}, key {key}: not a {self._record.__name__} "
                f"(revision {message.seq}): {error}"
            ) from error
        return Stored(record, message.seq or 0)

    async def put(self, key: str, record: Record, revision: int | None) -> int:
        """Write if the revision is still the given one (None: if there is no record)."""
        if revision is None:
            message = await self._last(key)
            if message is not None and _OPERATION not in (message.headers or {}):
                raise RecordConflictError(f"bucket {self._name}, key {key}: there is a record")
            revision = message.seq or 0 if message else 0
        expected = str(Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value)
        return await self._write(key, record.model_dump_json().encode(), {expected: str(revision)})

    async def delete(self, key: str) -> None:
        """Remove a record; it is no error if there is none. Its marker goes later by itself."""
        ttl = {str(Header.MSG_TTL.value): f"{MARKER_SECONDS}s"}
        await self._write(key, b"", {_OPERATION: "DEL"} | ttl)

    async def keys(self) -> Sequence[str]:
        """Return the keys that have a record, or had one that was deleted of late."""
        prefix = f"$KV.{self._name}."
        info = await patiently(
            lambda: self._jetstream.stream_info(f"KV_{self._name}", subjects_filter=f"{prefix}>")
        )
        return sorted(subject.removeprefix(prefix) for subject in info.state.subjects or {})

    def _subject(self, key: str) -> str:
        check_key(self._name, key)
        return f"$KV.{self._name}.{key}"

    async def _last(self, key: str) -> RawStreamMsg | None:
        subject = self._subject(key)
        try:
            return await patiently(
                lambda: self._jetstream.get_msg(f"KV_{self._name}", subject=subject, direct=True)
            )
        except nats.js.errors.NotFoundError:
            return None

    async def _write(self, key: str, body: bytes, headers: dict[str, str]) -> int:
        """Publish with an id of its own: what is tried again after silence is written once."""
        subject = self._subject(key)
        headers = {**headers, str(Header.MSG_ID.value): str(uuid.uuid4())}
        try:
            stored = await store(
                f"bucket {self._name}, key {key}",
                body,
                lambda: self._jetstream.publish(
                    subject, body, stream=f"KV_{self._name}", headers=headers
                ),
            )
        except nats.js.errors.APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise RecordConflictError(
                    f"bucket {self._name}, key {key}: somebody else wrote it"
                ) from error
            raise BusUnavailableError(f"bucket {self._name}, key {key}: {error}") from error
        return stored.seq
