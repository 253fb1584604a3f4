"""Runs in mitmproxy's own interpreter (Python 3.10 or later): the standard library, mitmproxy and pyOpenSSL only."""
