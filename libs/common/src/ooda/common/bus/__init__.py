"""The bus: events over NATS JetStream by FastStream, with the traps closed in one place."""
