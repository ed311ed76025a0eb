"""The decision: a pure function from events to commands."""
