"""A real Kubernetes cluster in kind, with or without a container registry, and what runs on it."""
