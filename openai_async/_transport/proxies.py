"""Which proxy a connection goes through: the client's own setting, else the environment's, if that may be asked."""

from __future__ import annotations

import os
from collections.abc import Mapping

from openai_async._transport.pool import Origin


def proxy_for(origin: Origin, proxies: Mapping[str, str], *, trust_env: bool) -> str | None:
    """URL of the proxy for an origin, or None. The environment is HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""
    scheme, host, port = origin
    stated = proxies.get(scheme) or proxies.get("all")
    if stated or not trust_env:
        return stated
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import urllib.request  # slow to load, and rarely needed

    environment = urllib.request.getproxies_environment()
    bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]
    if bypass(f"{host}:{port}", environment):
        return None
    found = environment.get(scheme) or environment.get("all")
    return f"http://{found}" if found and "://" not in found else found
