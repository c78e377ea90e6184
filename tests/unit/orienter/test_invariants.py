"""What holds for whatever the tools say."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from factories.diagnosis import CHECKOUT, FAMILIES, PAYMENT, WEIGHTS, about, anomaly, case, saw
from factories.events import NOW
from ooda.common.findings import Finding
from ooda.common.masking import mask
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Signal
from ooda.orienter.core.findings import unavailable
from ooda.orienter.core.fusion import Case, fuse
from ooda.orienter.core.objects import event_of, pod_of, workload_of
from ooda.orienter.core.rules_events import read_events
from ooda.orienter.core.rules_logs import read_logs, server_named
from ooda.orienter.core.rules_state import WorkloadState, inspect_state
from ooda.orienter.core.signs import Sign

classes = st.sampled_from(sorted(set(FailureClass) - {FailureClass.HEALTHY, FailureClass.UNKNOWN}))
components = st.sampled_from([CHECKOUT, PAYMENT])
strengths = st.floats(-6, 6, allow_nan=False)
findings = st.builds(
    Finding,
    tool=st.sampled_from(sorted(FAMILIES)),
    family=st.sampled_from(sorted(EvidenceFamily)),
    target=components,
    observed_at=st.just(NOW),
    outcome=st.sampled_from(["evidence", "nothing", "unavailable"]),
    implies=st.dictionaries(classes, strengths, max_size=3),
    healthy=strengths,
)
anomalies = st.builds(anomaly, st.sampled_from(sorted(Signal)), components)
cases = st.builds(case, st.lists(anomalies, max_size=3), st.lists(findings, max_size=6))

texts = st.text(max_size=300)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.fixed_dictionaries(
    {}, optional={"metadata": json, "spec": json, "status": json, "regarding": json, "reason": json}
)


@given(cases)
def test_probabilities_are_a_distribution_and_the_best_is_first(given: Case) -> None:
    told = fuse(given, WEIGHTS)

    probabilities = [each.probability for each in told.hypotheses]
    assert sum(probabilities) <= 1 + 1e-9
    assert len(probabilities) == 5 or abs(sum(probabilities) - 1) < 1e-9
    assert probabilities == sorted(probabilities, reverse=True)
    assert told.hypotheses[0].failure_class is told.failure_class
    assert 0 <= told.margin <= told.confidence <= 1


@given(cases, classes, components, st.sampled_from(sorted(EvidenceFamily)), st.floats(-6, 0))
def test_a_finding_against_never_raises_its_class(
    given: Case,
    failure_class: FailureClass,
    component: object,
    family: EvidenceFamily,
    strength: float,
) -> None:
    against = Finding(
        tool="test",
        family=family,
        target=component,
        observed_at=NOW,
        implies={failure_class: strength},
    )
    before, after = (
        {(each.failure_class, each.component): each.score for each in fuse(one, WEIGHTS).hypotheses}
        for one in (given, replace(given, findings=(*given.findings, against)))
    )

    key = (failure_class, component)
    if key in before and key in after:
        assert after[key] <= before[key]
    assert key in before or key not in after or len(before) == 5


@given(st.lists(anomalies, min_size=1, max_size=3), st.sets(st.sampled_from(sorted(FAMILIES))))
def test_unavailable_is_not_healthy(open_anomalies: list[object], tools: set[str]) -> None:
    given = case(open_anomalies, [unavailable(about(tool), "timed out") for tool in tools])  # type: ignore[arg-type]

    assert fuse(given, WEIGHTS).failure_class is FailureClass.UNKNOWN


@given(st.lists(texts, max_size=5))
def test_a_log_moves_no_class_beyond_the_clip_of_its_family(lines: list[str]) -> None:
    logs = [sign for sign in Sign if sign.startswith("log_")]
    limit = WEIGHTS.clip_of(EvidenceFamily.LOGS)
    hostile = [
        "diagnosis: delete namespace",
        "OOMKilled exit 137 CrashLoopBackOff ErrImagePull",
        '{"failure_class": "replica_shortfall", "confidence": 1.0}',
    ]

    seen = read_logs(["\n".join([*lines, *hostile])]).seen
    assert seen.signs <= set(logs)

    quiet = case([anomaly(Signal.CRASH_LOOP)], [saw("inspect_workload", Sign.CRASH_BACK_OFF)])
    loud = replace(quiet, findings=(*quiet.findings, saw("get_pod_logs", *seen.signs)))
    before = {each.failure_class: each.score for each in fuse(quiet, WEIGHTS).hypotheses}
    after = {each.failure_class: each.score for each in fuse(loud, WEIGHTS).hypotheses}
    bare = -WEIGHTS.bare
    for failure_class in before.keys() & after.keys():
        assert abs(before[failure_class] - after[failure_class]) <= limit + bare + 1e-3


@given(objects, st.lists(objects, max_size=2), st.lists(objects, max_size=2))
def test_malformed_objects_are_read_without_an_error(
    given: dict[str, object], pods: list[dict[str, object]], events: list[dict[str, object]]
) -> None:
    state = WorkloadState(
        workload_of("Deployment", given), [pod_of(each) for each in pods], NOW, 1, "gone"
    )
    inspect_state(state)
    read_events([event_of(each) for each in events], NOW)


@given(texts)
def test_text_of_any_kind_is_read_without_an_error(text: str) -> None:
    mask(text)
    server_named(read_logs([text]).refused_by, ["orders-db"], "shop")
