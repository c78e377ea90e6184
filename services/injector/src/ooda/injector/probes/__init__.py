"""Effect probes: how a fault is seen to bite, and to have gone. A narrow class per kind."""
