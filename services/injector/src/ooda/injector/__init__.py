"""Break a test cluster on purpose, within a fence, for a bounded time, and give it back."""
