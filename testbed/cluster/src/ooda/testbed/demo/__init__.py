"""`make demo`: break the shop three ways and watch the agent heal it."""
