from pathlib import Path

import pytest

from ooda.testbed.images.cache import Cache, link


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "built")


def store(cache: Cache, name: str, key: str, content: str = "content") -> None:
    with cache.store(name, key) as made:
        made.write_text(content)


def test_what_was_stored_is_found_by_name_and_key_only(cache: Cache) -> None:
    store(cache, "kube", "k1")
    found = cache.find("kube", "k1")
    assert found is not None
    assert found.read_text() == "content"
    assert cache.find("kube", "k2") is None
    assert cache.find("etcd", "k1") is None


def test_a_damaged_entry_is_not_found_and_makes_room_for_a_good_one(cache: Cache) -> None:
    store(cache, "kube", "k1")
    entry = cache.find("kube", "k1")
    assert entry is not None
    entry.write_text("contenT")
    assert cache.find("kube", "k1") is None
    assert not entry.exists()
    store(cache, "kube", "k1")
    assert cache.find("kube", "k1") == entry


@pytest.mark.parametrize("lost", ["kube-k1", "kube-k1.sha256"])
def test_half_an_entry_is_none(cache: Cache, tmp_path: Path, lost: str) -> None:
    store(cache, "kube", "k1")
    (tmp_path / "built" / lost).unlink()
    assert cache.find("kube", "k1") is None


def test_a_build_that_failed_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    def interrupted() -> None:
        with cache.store("kube", "k1") as made:
            made.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert cache.find("kube", "k1") is None
    assert list((tmp_path / "built").iterdir()) == []


def test_what_killed_builds_left_is_swept_and_entries_stay(cache: Cache, tmp_path: Path) -> None:
    store(cache, "kube", "k1")
    for left in (".kube-x1", ".work-image-core"):
        (tmp_path / "built" / left / "deep").mkdir(parents=True)
    cache.sweep()
    assert {path.name for path in (tmp_path / "built").iterdir()} == {"kube-k1", "kube-k1.sha256"}


def test_an_older_entry_is_dropped_but_none_of_a_name_that_begins_alike(cache: Cache) -> None:
    for name in ("kube", "kube-router", "kube.tar"):
        store(cache, name, "k1")
    store(cache, "kube", "k2")
    assert cache.find("kube", "k1") is None
    assert cache.find("kube", "k2")
    assert cache.find("kube-router", "k1")
    assert cache.find("kube.tar", "k1")


def test_a_failed_build_does_not_drop_the_older_entry(cache: Cache) -> None:
    store(cache, "kube", "k1")
    with pytest.raises(ZeroDivisionError), cache.store("kube", "k2"):
        raise ZeroDivisionError
    assert cache.find("kube", "k1")


def test_a_workplace_is_empty_at_first_and_gone_afterwards(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "built/.work-image" / "left").mkdir(parents=True)
    with cache.workplace("image") as work:
        assert list(work.iterdir()) == []
        (work / "file").write_text("x")
    assert not work.exists()


def test_a_workplace_is_gone_after_an_error_too(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError), cache.workplace("image") as work:
        raise ZeroDivisionError
    assert not work.exists()


def test_link_shares_the_file(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    link(tmp_path / "source", tmp_path / "new/folder/target")
    assert (tmp_path / "new/folder/target").samefile(tmp_path / "source")


def test_link_copies_to_another_file_system(tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm")  # noqa: S108 - wanted for being another file system
    if shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("temporary files are in shared memory themselves")
    source, target = tmp_path / "source", shared_memory / f"{tmp_path.name}-target"
    source.write_text("x")
    try:
        link(source, target)
        assert target.read_text() == "x"
        assert not target.samefile(source)
    finally:
        target.unlink()
