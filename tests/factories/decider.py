"""A judged situation in which the decider acts; a test changes the one thing it is about."""

import datetime as dt
from dataclasses import replace
from typing import Any

from factories.events import ANOMALY_ID, CHECKOUT, NOW, make, open_anomaly
from ooda.common.events import DiagnosisReady, DiagnosisStarted
from ooda.common.findings import Change
from ooda.common.taxonomy import EvidenceFamily, Mode
from ooda.decider.app import read_playbook
from ooda.decider.core.budgets import Budgets
from ooda.decider.core.facts import Facts
from ooda.decider.core.lifecycle import World
from ooda.decider.core.limits import Limits

PLAYBOOK = read_playbook(None)
IMAGE = "spec.template.spec.containers[app].image"
CHANGE = Change(target=CHECKOUT, fields=(IMAGE,), changed_at=NOW, known_good=True)
GOOD = Facts(mode=Mode.AUTO, exists=True, replicas=2, known_replicas=2, known_template=True)
LIMITS = Limits()


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def ready(attempt: int = 1, **given: Any) -> DiagnosisReady:
    return make(
        DiagnosisReady,
        **{
            "event_id": f"ready-{attempt}",
            "attempt": attempt,
            "change": CHANGE,
            "agreeing": (EvidenceFamily.OBJECT_STATE, EvidenceFamily.RECENT_CHANGE),
            "anomalies": (open_anomaly(anomaly_id=ANOMALY_ID),),
        }
        | given,
    )


def started(attempt: int = 1) -> DiagnosisStarted:
    return make(DiagnosisStarted, event_id=f"started-{attempt}", attempt=attempt)


def world(**given: Any) -> World:
    usual = World(
        facts=GOOD, budgets=Budgets(), recent_incidents=1, playbook=PLAYBOOK, limits=LIMITS
    )
    return replace(usual, **given)
