from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.known import Known


def test_a_second_list_tells_nothing_and_an_empty_one_forgets_everything() -> None:
    known = Known(Kind.CONFIG_MAP)
    listed = [
        {"metadata": {"name": f"n{i}", "uid": str(i), "resourceVersion": "1"}}
        for i in range(10_000)
    ]
    assert len(known.differences(listed)) == 10_000
    assert known.differences(listed) == []
    assert len(known.differences([])) == 10_000
    assert len(known) == 0
