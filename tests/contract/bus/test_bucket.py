"""A bucket in memory and one on a real server keep the same promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from ooda.common import topology
from ooda.common.bus.asking import MAX_BODY
from ooda.common.bus.interface import Bucket, RecordConflictError
from ooda.common.testing.bus import MemoryBucket
from ooda.common.topology import Service
from servers.loop_bus import loop_bus


class Note(BaseModel):
    text: str


@pytest.fixture(params=["memory", "server"])
async def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bucket[Note]]:
    if request.param == "memory":
        yield MemoryBucket(Note)
        return
    async with loop_bus(tmp_path) as server, server.running(Service.ACTOR) as bus:
        yield bus.bucket(topology.ACTIONS, Note)


async def test_what_is_not_there_is_none(bucket: Bucket[Note]) -> None:
    assert await bucket.get("nothing") is None
    assert list(await bucket.keys()) == []


async def test_what_was_put_is_there(bucket: Bucket[Note]) -> None:
    revision = await bucket.put("one", Note(text="ä"), None)
    stored = await bucket.get("one")
    assert stored is not None
    assert (stored.record, stored.revision) == (Note(text="ä"), revision)
    assert list(await bucket.keys()) == ["one"]


async def test_the_revision_read_is_what_may_be_overwritten(bucket: Bucket[Note]) -> None:
    first = await bucket.put("one", Note(text="first"), None)
    second = await bucket.put("one", Note(text="second"), first)
    assert second > first
    with pytest.raises(RecordConflictError):
        await bucket.put("one", Note(text="late"), first)
    stored = await bucket.get("one")
    assert stored is not None
    assert stored.record.text == "second"


async def test_other_keys_do_not_matter(bucket: Bucket[Note]) -> None:
    one = await bucket.put("one", Note(text="1"), None)
    await bucket.put("two", Note(text="2"), None)
    await bucket.put("one", Note(text="1b"), one)
    assert list(await bucket.keys()) == ["one", "two"]


async def test_a_record_is_made_once(bucket: Bucket[Note]) -> None:
    await bucket.put("one", Note(text="first"), None)
    with pytest.raises(RecordConflictError):
        await bucket.put("one", Note(text="other"), None)


async def test_a_revision_of_nothing_is_a_conflict(bucket: Bucket[Note]) -> None:
    with pytest.raises(RecordConflictError):
        await bucket.put("one", Note(text="first"), 7)


async def test_a_record_that_no_message_holds_is_a_mistake(bucket: Bucket[Note]) -> None:
    with pytest.raises(ValueError, match=r"key one: \d{7} bytes"):
        await bucket.put("one", Note(text="x" * MAX_BODY), None)
    assert await bucket.get("one") is None
    await bucket.put("one", Note(text="x" * (MAX_BODY - 100)), None)


async def test_what_was_deleted_is_gone_and_can_be_made_again(bucket: Bucket[Note]) -> None:
    old = await bucket.put("one", Note(text="first"), None)
    await bucket.delete("one")
    assert await bucket.get("one") is None
    with pytest.raises(RecordConflictError):
        await bucket.put("one", Note(text="late"), old)
    await bucket.put("one", Note(text="again"), None)
    stored = await bucket.get("one")
    assert stored is not None
    assert stored.record.text == "again"


async def test_deleting_nothing_is_no_error(bucket: Bucket[Note]) -> None:
    await bucket.delete("nothing")
    assert await bucket.get("nothing") is None


@pytest.mark.parametrize("key", ["", "a b", "*", ">", "a..b", ".a", "ä", "a/b"])
async def test_what_cannot_be_a_key_is_an_error(bucket: Bucket[Note], key: str) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        await bucket.put(key, Note(text="x"), None)
    with pytest.raises(ValueError, match="cannot be a key"):
        await bucket.get(key)
