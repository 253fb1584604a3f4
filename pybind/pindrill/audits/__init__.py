"""Auditing an app as it is: an interceptor between it and its servers, and a verdict per destination."""
