"""How programs are told of a proxy: by their environment."""

from __future__ import annotations

_PROXY = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY")
_PAST_IT = ("no_proxy", "NO_PROXY")


def proxy_environment(url: str) -> dict[str, str]:
    """Which of the names a program reads, and in which case, differs; none of its hosts is to go past the proxy."""
    return {**dict.fromkeys(_PROXY, url), **dict.fromkeys(_PAST_IT, "")}
