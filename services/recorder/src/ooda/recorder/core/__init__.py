"""What the recorder decides: what of an event becomes a row, and what is new in a batch. Pure."""
