"""The agent outside of the cluster that it watches: what compose.yaml needs, up and down."""
