"""`make demo`: break the shop four ways and watch the agent heal it, once on a person's word."""
