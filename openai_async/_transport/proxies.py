"""The proxy of a connection: the client's own setting, else the environment, if it is trusted."""

from __future__ import annotations

import os
from collections.abc import Mapping

from openai_async._transport.pool import Origin


def proxy_for(origin: Origin, proxies: Mapping[str, str], *, trust_env: bool) -> str | None:
    """The URL of the proxy for an origin, or None. Reads HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""
    scheme, host, port = origin
    configured = proxies.get(scheme) or proxies.get("all")
    if configured or not trust_env:
        return configured
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import urllib.request  # slow to load, and rarely needed

    environment = urllib.request.getproxies_environment()
    bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]
    if bypass(f"{host}:{port}", environment):
        return None
    proxy = environment.get(scheme) or environment.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
