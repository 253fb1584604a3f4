"""mitmproxy as an interceptor. `inside` runs in mitmproxy's interpreter, `addon.py` is what it loads."""
