-- What the loop said. Ground truth of injections and answers of people are in other accounts and
-- not in any view of the loop.
CREATE VIEW loop_events AS
SELECT * FROM events WHERE account = 'LOOP';

CREATE VIEW diagnoses AS
SELECT incident_id, namespace, number(body ->> 'attempt')::integer AS attempt,
    stored_at AS diagnosed_at, body ->> 'failure_class' AS failure_class,
    target_text(body -> 'component') AS component,
    number(body ->> 'confidence') AS confidence, number(body ->> 'margin') AS margin,
    body ->> 'summary' AS summary, event_id, position
FROM loop_events WHERE subject = 'diagnosis.ready';

CREATE VIEW decisions AS
SELECT body ->> 'decision_id' AS decision_id, incident_id, namespace,
    number(body ->> 'attempt')::integer AS attempt, stored_at AS decided_at,
    body ->> 'verdict' AS verdict, body ->> 'mode' AS mode, body ->> 'reason' AS reason,
    body -> 'request' ->> 'action' AS action, target_text(body -> 'request' -> 'target') AS target,
    body -> 'request' ->> 'action_id' AS action_id, moment(body ->> 'valid_until') AS valid_until,
    event_id, position
FROM loop_events WHERE subject = 'decision.made';

CREATE VIEW actions AS
SELECT s.body ->> 'action_id' AS action_id, s.incident_id, s.namespace,
    s.body ->> 'action' AS action, target_text(s.body -> 'target') AS target,
    s.body ->> 'risk' AS risk, s.stored_at AS started_at, s.recorded_at,
    a.applied_at, a.undone_at, e.stored_at AS executed_at, e.body ->> 'outcome' AS outcome,
    e.body ->> 'reason' AS reason, (e.body ->> 'wrote') = 'true' AS wrote,
    s.body -> 'steps' AS steps, s.body -> 'before' AS before, s.row_hash, s.event_id, s.position
FROM loop_events AS s
LEFT JOIN LATERAL (
    SELECT min(stored_at) FILTER (WHERE (body ->> 'undo') IS DISTINCT FROM 'true') AS applied_at,
        min(stored_at) FILTER (WHERE (body ->> 'undo') = 'true') AS undone_at
    FROM loop_events
    WHERE incident_id = s.incident_id AND subject = 'action.applied'
      AND body ->> 'action_id' = s.body ->> 'action_id'
) AS a ON true
LEFT JOIN LATERAL (
    SELECT stored_at, body FROM loop_events
    WHERE incident_id = s.incident_id AND subject = 'action.executed'
      AND body ->> 'action_id' = s.body ->> 'action_id'
    ORDER BY position DESC LIMIT 1
) AS e ON true
WHERE s.subject = 'action.started';

CREATE VIEW health_checks AS
SELECT e.body ->> 'action_id' AS action_id, e.incident_id, e.namespace, c.moment,
    number(c.health ->> 'desired')::integer AS desired,
    number(c.health ->> 'ready')::integer AS ready,
    number(c.health ->> 'open_anomalies')::integer AS open_anomalies,
    (c.health ->> 'fresh') = 'true' AS fresh, e.stored_at, e.position
FROM loop_events AS e
CROSS JOIN LATERAL (
    VALUES ('before', e.body -> 'before'), ('after', e.body -> 'after')
) AS c (moment, health)
WHERE e.subject = 'action.executed' AND jsonb_typeof(c.health) = 'object';

CREATE VIEW incidents AS
SELECT o.incident_id, o.namespace, o.opened_at, c.stored_at AS closed_at,
    c.body ->> 'closure' AS closure,
    coalesce(c.body ->> 'failure_class', d.failure_class) AS failure_class,
    coalesce(target_text(c.body -> 'component'), d.component) AS component, d.confidence,
    o.attempts, n.actions, coalesce(c.body ->> 'summary', d.summary, o.summary) AS summary
FROM (
    SELECT incident_id, min(namespace) AS namespace, min(stored_at) AS opened_at,
        max(number(body ->> 'attempt'))::integer AS attempts,
        (array_agg(body ->> 'summary' ORDER BY position DESC))[1] AS summary
    FROM loop_events
    WHERE subject = 'diagnosis.started' AND incident_id IS NOT NULL
    GROUP BY incident_id
) AS o
LEFT JOIN LATERAL (
    SELECT stored_at, body FROM loop_events
    WHERE incident_id = o.incident_id AND subject = 'incident.closed'
    ORDER BY position LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT failure_class, component, confidence, summary FROM diagnoses
    WHERE incident_id = o.incident_id
    ORDER BY attempt DESC NULLS LAST, position DESC LIMIT 1
) AS d ON true
CROSS JOIN LATERAL (
    SELECT count(DISTINCT body ->> 'action_id')::integer AS actions FROM loop_events
    WHERE incident_id = o.incident_id AND subject = 'action.started'
) AS n;

-- An anomaly has no incident: it belongs to those whose diagnosis names it.
CREATE VIEW incident_timeline AS
SELECT incident_id, position, stored_at, occurred_at, subject, body ->> 'summary' AS summary,
    event_id, trace_id, body
FROM loop_events WHERE incident_id IS NOT NULL
UNION ALL
SELECT j.incident_id, a.position, a.stored_at, a.occurred_at, a.subject, a.body ->> 'summary',
    a.event_id, a.trace_id, a.body
FROM (
    SELECT DISTINCT s.incident_id, o.anomaly ->> 'anomaly_id' AS anomaly_id
    FROM loop_events AS s
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(s.body -> 'anomalies') WHEN 'array' THEN s.body -> 'anomalies' END
    ) AS o (anomaly)
    WHERE s.subject = 'diagnosis.started'
) AS j
JOIN loop_events AS a ON a.anomaly_id = j.anomaly_id;

-- Whether it was answered is all that is taken from the account of people.
CREATE VIEW open_reviews AS
SELECT r.body ->> 'review_id' AS review_id, r.incident_id, r.namespace,
    r.stored_at AS requested_at, moment(r.body ->> 'expires_at') AS expires_at,
    r.body ->> 'failure_class' AS failure_class, target_text(r.body -> 'component') AS component,
    number(r.body ->> 'confidence') AS confidence, r.body ->> 'question' AS question,
    r.body ->> 'reason' AS reason, r.body -> 'proposal' ->> 'action' AS proposal, r.position
FROM loop_events AS r
WHERE r.subject = 'review.requested'
  AND NOT EXISTS (
      SELECT FROM loop_events AS c
      WHERE c.incident_id = r.incident_id AND c.subject = 'incident.closed'
  )
  AND NOT EXISTS (
      SELECT FROM events AS a
      WHERE a.account = 'PEOPLE' AND a.subject LIKE 'review.answered.%'
        AND a.body ->> 'review_id' = r.body ->> 'review_id'
  );

-- Ground truth, for the evaluation: not of the loop.
CREATE VIEW fault_runs AS
SELECT body ->> 'run_id' AS run_id, min(namespace) AS namespace,
    min(body ->> 'scenario') AS scenario, min(body ->> 'target') AS target,
    min(stored_at) FILTER (WHERE subject = 'fault.requested') AS requested_at,
    min(stored_at) FILTER (WHERE subject = 'fault.refused') AS refused_at,
    min(stored_at) FILTER (WHERE subject = 'fault.armed') AS armed_at,
    min(stored_at) FILTER (WHERE subject = 'fault.effective') AS effective_at,
    min(stored_at) FILTER (WHERE subject = 'fault.cleared') AS cleared_at,
    min(stored_at) FILTER (WHERE subject = 'fault.teardown_failed') AS teardown_failed_at,
    min(body ->> 'failure_class') AS failure_class
FROM events
WHERE account = 'FAULTS' AND subject LIKE 'fault.%'
GROUP BY body ->> 'run_id';
