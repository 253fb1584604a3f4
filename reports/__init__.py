"""Reports: pure functions from result lines to text, and the published JSON Schemas."""
