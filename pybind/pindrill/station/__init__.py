"""A bench for a phone: a page with the proxy's address, the test CA, and the verdicts as they come."""
