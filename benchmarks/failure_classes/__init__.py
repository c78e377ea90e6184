"""Every failure class that state alone can show, and controls, on the shop under load."""
