"""How far the agent may go, and where it never acts: one answer for who decides and who writes.

Pure.
"""

from ooda.common.taxonomy import Mode

MODE_LABEL = "ooda.dev/mode"
"""Of a Namespace: how far the agent may go in it."""

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "ooda-system"})
"""Never acted in, whatever their label says."""


def mode_of(labels: object) -> Mode:
    """Return the mode of a Namespace by its labels: propose, unless one is exactly a mode."""
    label = labels.get(MODE_LABEL) if isinstance(labels, dict) else None
    return next((each for each in Mode if each == label), Mode.PROPOSE)
