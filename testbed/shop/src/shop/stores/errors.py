class StoreUnavailableError(Exception):
    """A store cannot be reached, refuses or does not answer; the text is its own message."""
