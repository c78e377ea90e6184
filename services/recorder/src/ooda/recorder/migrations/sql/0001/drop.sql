DROP VIEW fault_runs, open_reviews, incident_timeline, incidents, health_checks, actions,
    decisions, diagnoses, loop_events;
DROP TABLE snapshots, chain_checkpoints, chain_head, events;
DROP FUNCTION thin_snapshots, open_events_partition, head_only_advances, refuse_change, number,
    moment, target_text, payload_as_json;
