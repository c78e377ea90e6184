import pytest

from ooda.common.bus.subjects import check_key, covers, stream_of
from ooda.common.events import EVENTS, DeadLetter
from ooda.common.topology import LOOP, PUBLISHES, Account, Service, users


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.b.c", "a.b", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.*", "a", False),
        ("*.b", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
    ],
)
def test_covers(pattern: str, subject: str, expected: bool) -> None:  # noqa: FBT001 - a column
    assert covers(pattern, subject) is expected


def test_every_event_has_a_stream() -> None:
    for event in EVENTS:
        assert [account for account in Account if _stores(event.subject, account)], event.subject


def test_every_account_stores_its_dead_letters() -> None:
    for account in Account:
        assert stream_of(DeadLetter.subject, account).account is account
    assert stream_of(DeadLetter.subject, Account.LOOP) is LOOP


def test_who_says_something_may_publish_it() -> None:
    allowed = {user.name: user.publish for user in users()}
    for service, events in PUBLISHES.items():
        said = {DeadLetter.subject} | {event.subject for event in events}
        assert said <= set(allowed[str(service)])


def test_nobody_else_may_say_it() -> None:
    for service, events in PUBLISHES.items():
        for user in users():
            if user.name != str(service) and not user.everything:
                assert not {event.subject for event in events} & set(user.publish), user.name


def test_no_service_may_publish_by_a_pattern_that_covers_events() -> None:
    for user in users():
        for pattern in user.publish:
            foreign = [
                e.subject for e in EVENTS if covers(pattern, e.subject) and e.subject != pattern
            ]
            assert not foreign or user.name == f"{Service.INJECTOR}-faults"


@pytest.mark.parametrize("key", ["a", "6ba7b810-9dad-11d1", "shop.checkout", "A_b=c"])
def test_keys(key: str) -> None:
    check_key("actions", key)


@pytest.mark.parametrize("key", ["", ".", "a.", ".a", "a..b", "*", ">", "a b", "a/b", "ä", "a\n"])
def test_no_keys(key: str) -> None:
    with pytest.raises(ValueError, match=r"bucket actions: .* cannot be a key"):
        check_key("actions", key)


def _stores(subject: str, account: Account) -> bool:
    try:
        stream_of(subject, account)
    except ValueError:
        return False
    return True
