"""Fakes of our own narrow interfaces, shipped beside the real things."""
