"""What the actor is told beside what every service is told."""

from ooda.common.service import ServiceSettings


class ActorSettings(ServiceSettings):
    """From the environment, as ``OODA_NODE_NAME``, or the configuration file."""

    node_name: str = ""
    """The node that the actor runs on, from the downward API; unset, no node is ever touched."""
