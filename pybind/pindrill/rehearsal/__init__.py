"""A rotation plan played on a real client: what it does beside what was predicted."""
