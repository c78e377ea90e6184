"""The kinds that the observer watches, by what cannot be said without them."""

from ooda.common.cluster.kinds import Kind

OWNERSHIP = frozenset(
    {
        Kind.POD,
        Kind.DEPLOYMENT,
        Kind.REPLICA_SET,
        Kind.STATEFUL_SET,
        Kind.DAEMON_SET,
        Kind.JOB,
    }
)
"""Without these no signal has a target."""
PLANS = OWNERSHIP | {Kind.NODE, Kind.NAMESPACE, Kind.POD_DISRUPTION_BUDGET}
"""Without these a planned change cannot be told from a failure."""
CONTENTS = PLANS | {Kind.SERVICE, Kind.CONFIG_MAP, Kind.NETWORK_POLICY, Kind.KNOWN_GOOD}
"""Without these nothing can be recorded as known good."""
WATCHED = CONTENTS | {
    Kind.EVENT,
    Kind.CRON_JOB,
    Kind.ENDPOINT_SLICE,
    Kind.LEASE,
    Kind.ROLE,
    Kind.ROLE_BINDING,
}
"""All that the observer watches."""
ROUTES = PLANS | {Kind.SERVICE, Kind.ENDPOINT_SLICE, Kind.KNOWN_GOOD}
"""Without these nothing can be said of where a Service leads."""
ACCESS = PLANS | {Kind.ROLE, Kind.ROLE_BINDING, Kind.KNOWN_GOOD}
"""Without these nothing can be said of what a service account may do."""
NODE_LEASES = "kube-node-lease"
"""The namespace in which each kubelet renews the Lease of its node."""
PLACES = {Kind.LEASE: NODE_LEASES}
"""Kinds that are watched in one namespace only; other Leases are nobody's heartbeat."""
