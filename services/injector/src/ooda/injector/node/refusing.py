"""Nothing was done, with the reason."""

from ooda.injector.node.orders import Refusal


class RefusedError(Exception):
    """The order was refused before anything was changed."""

    def __init__(self, code: Refusal, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class WorkerLostError(Exception):
    """The process of a fault ended without a word; its fault ended with it."""
