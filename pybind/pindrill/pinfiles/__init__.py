"""Pin files: read, write, lint and explain; see docs/pin-formats."""
