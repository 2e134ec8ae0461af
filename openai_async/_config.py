"""Configuration of a client, checked. Precedence: call, client, environment, default.

All settings are checked when the client is built. An error names the argument or the variable and never shows a key.
Older names of variables are read after the newer ones.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openai_async._limits.limiter import Limiter
from openai_async._pipeline.credentials import KeyRing
from openai_async._pipeline.pipeline import Defaults
from openai_async._pipeline.service import OPENAI, Service
from openai_async._version import VERSION
from openai_async._wire import paths
from openai_async._wire.headers import check_headers, check_token
from openai_async.errors import ConfigurationError, InvalidParameterError
from openai_async.types.limits import RateLimit, StatedLimits
from openai_async.types.settings import Secret, Timeout, check_seconds

if TYPE_CHECKING:
    from openai_async._pipeline.credentials import KeySource
    from openai_async._transport.exchange import Transport

_DEFAULT_BASE_URL = "https://api.openai.com/v1"
#: What servers say that they listen on, and other words for this machine.
_THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "localhost.": "localhost"}  # noqa: S104 (nothing is bound)
_URL = re.compile(r"[!-\[\]-~]+\Z")
#: What httpx takes for an address; 00.0.0.0 is none.
_LIKE_IPV4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\Z")
#: A name whose labels DNS can carry, or an address; then perhaps a port.
_HOST = re.compile(r"(?:(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?|\[[0-9A-Fa-f:.]+\])(?::\d*)?\Z", re.ASCII)


def key_rings(
    api_key: str | Sequence[str] | Callable[[], str | Awaitable[str]] | None,
    admin_api_key: str | None,
    organization: str | Sequence[str] | None,
    project_id: str | None,
    default_headers: Mapping[str, str] | None,
    service: Service,
) -> tuple[KeyRing, KeyRing | None]:
    """The key ring of calls, and that of `client.admin` if it has a key of its own."""
    configured, field = (
        (admin_api_key, "admin_api_key") if admin_api_key is not None else _environment("OPENAI_ADMIN_KEY")
    )
    own = (organizations(organization), project(project_id), headers(default_headers), service)
    if configured is None:
        return KeyRing(keys(api_key), *own), None
    admin = KeyRing([Secret(check_token(field, configured))], *own)
    try:
        return KeyRing(keys(api_key), *own), admin
    except ConfigurationError as error:
        if api_key is not None or error.field != "api_key":
            raise
        return KeyRing(_no_key, *own), admin


def _no_key() -> str:
    raise ConfigurationError("api_key", "no key given: there is only one for client.admin. Set OPENAI_API_KEY")


def keys(value: str | Sequence[str] | Callable[[], str | Awaitable[str]] | None) -> KeySource:
    """The source of keys. None and "ENV" mean the environment."""
    if value is None or value == "ENV":
        return [Secret(_key_of_environment())]
    if callable(value):
        return value
    if isinstance(value, str):
        return [Secret(check_token("api_key", value))]
    if not isinstance(value, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("api_key", "must be a string, a list of strings, or a callable")
    checked = [Secret(check_token(f"api_key[{index}]", key)) for index, key in enumerate(value)]
    if not checked:
        raise ConfigurationError("api_key", "the list of keys is empty")
    return checked


def _key_of_environment() -> str:
    if key := os.environ.get("OPENAI_API_KEY"):
        return check_token("OPENAI_API_KEY", key)
    if path := os.environ.get("OPENAI_API_KEY_PATH"):
        try:
            return check_token("OPENAI_API_KEY_PATH", Path(path).read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError("OPENAI_API_KEY_PATH", "names a file that cannot be read") from None
    raise ConfigurationError("api_key", "no key given: pass api_key=... or set OPENAI_API_KEY")


def organizations(value: str | Sequence[str] | None) -> list[str]:
    """The organizations to use in turn; empty for none."""
    if value is None:
        configured, name = _environment("OPENAI_ORG_ID", "OPENAI_ORGANIZATION")
        return [check_token(name, configured)] if configured else []
    if isinstance(value, str):
        return [check_token("organization", value)]
    if not isinstance(value, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("organization", "must be a string or a list of strings")
    return [check_token(f"organization[{index}]", name) for index, name in enumerate(value)]


def project(value: str | None) -> str | None:
    if value is not None:
        return check_token("project", value)
    configured, name = _environment("OPENAI_PROJECT_ID")
    return check_token(name, configured) if configured else None


def base_url(value: str | None, *, allow_http: bool) -> str:
    """The URL that paths are appended to: https (or http on this machine), with a host, without query."""
    if value is None:
        value, field = _environment("OPENAI_BASE_URL", "OPENAI_API_BASE")
        value = value or _DEFAULT_BASE_URL
    else:
        field = "base_url"
    if not isinstance(value, str) or not _URL.match(value):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(field, "must be a URL of visible ASCII characters without spaces and backslashes")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError:
        raise ConfigurationError(field, "is not a URL") from None
    if parts.scheme not in ("https", "http") or not host:
        raise ConfigurationError(field, "must begin with https:// (or http:// for this machine) and name a host")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(field, "must not hold a user name or password; use api_key")
    if not _HOST.match(parts.netloc) or (_LIKE_IPV4.match(host) and not _is_address(host)):
        raise ConfigurationError(field, "must name a host, or give its address")
    if paths.has_dot_segment(parts.path):
        raise ConfigurationError(field, "must not hold the path segments '.' or '..'")
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ConfigurationError(field, "must end with the path; use default_query for a query")
    if parts.scheme == "http" and not allow_http and not _is_loopback(host):
        raise ConfigurationError(
            field,
            "plain http would show the key and the prompts on the way; use https, or say allow_http=True",
        )
    return value.replace(parts.netloc, _reachable(parts.netloc, host), 1).rstrip("/")


def _reachable(netloc: str, host: str) -> str:
    """The address of this machine for names that mean it, because not every system and proxy resolves them."""
    plain = _THIS_MACHINE.get(host)
    return netloc if plain is None else f"{plain}{netloc[netloc.index(']') + 1 if '[' in netloc else len(host) :]}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    host = _THIS_MACHINE.get(host, host).strip("[]").removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
        return (
            getattr(address, "ipv4_mapped", None) or address
        ).is_loopback  # not by its first digits: 127.example.com is anybody's
    except ValueError:
        return False


def headers(value: Mapping[str, str] | None) -> list[tuple[bytes, bytes]]:
    """The headers of every request. They identify the client, and nothing of the machine."""
    standard = {
        "accept": "application/json, text/event-stream",
        "accept-encoding": "gzip",
        "content-type": "application/json",
        "user-agent": f"openai-async/{VERSION}",
    }
    try:
        own = check_headers("default_headers", value) if value else []
        return list(dict(check_headers("default_headers", standard) + own).items())
    except InvalidParameterError as error:
        raise ConfigurationError(error.field, str(error).partition(": ")[2]) from None


def query(value: Mapping[str, object] | None) -> dict[str, object]:
    """The query parameters of every request, encoded once to check them."""
    if value is not None and not isinstance(value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("default_query", "must be a mapping of names to values")
    checked = dict(value or {})
    try:
        paths.query(checked)
    except InvalidParameterError as error:
        raise ConfigurationError(f"default_query[{error.field}]", str(error).partition(": ")[2]) from None
    return checked


def timeout(value: float | Timeout | None) -> Timeout:
    try:
        return Timeout.of(value)
    except InvalidParameterError as error:
        raise ConfigurationError(error.field, str(error).partition(": ")[2]) from None


def defaults(
    given_timeout: float | Timeout | None,
    deadline: float | None,
    max_retries: int,
    default_query: Mapping[str, object] | None,
    max_event_bytes: int,
) -> Defaults:
    """The default call options of a client."""
    return Defaults(
        timeout=timeout(given_timeout),
        deadline=seconds("deadline", deadline),
        max_retries=max_retries,
        query=query(default_query),
        max_event_bytes=positive("max_event_bytes", max_event_bytes),
    )


def seconds(field: str, value: float | None) -> float | None:
    try:
        check_seconds(field, value)
    except InvalidParameterError as error:
        raise ConfigurationError(error.field, str(error).partition(": ")[2]) from None
    return value


def positive(field: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:  # pyright: ignore
        raise ConfigurationError(field, "must be a positive integer")
    return value


def retries(value: int) -> int:
    return not_negative("max_retries", value)


def not_negative(field: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:  # pyright: ignore
        raise ConfigurationError(field, "must be an integer of 0 or more")
    return value


def webhook_secret(value: str | None) -> Secret | None:
    """The secret of webhooks. None for the environment's, which is read when it is needed."""
    if value is None:
        return None
    from openai_async.webhooks import held, signing_key

    secret = held(value)
    signing_key("webhook_secret", secret)
    return secret


def transport(
    http_client: Any, transport: Any, proxy: str | Mapping[str, str] | None, *, base_url: str, trust_env: bool
) -> Transport:
    """The built-in transport, or the caller's httpx object."""
    if http_client is None and (transport is None or transport in ("auto", "httpx")):
        from openai_async._transport.auto import AutoTransport

        return AutoTransport(base_url, _proxies(proxy), trust_env=trust_env, direct=transport != "httpx")
    if http_client is not None and transport is not None:
        raise ConfigurationError("transport", "give http_client or transport, not both")
    if proxy is not None:
        raise ConfigurationError("proxy", "has no effect beside http_client or transport: set it there")

    from openai_async._transport.custom import CustomTransport

    return CustomTransport("http_client", http_client) if transport is None else CustomTransport("transport", transport)


def limiter(
    max_concurrency: int | None,
    rate_limit: object,
    keys: int,
    service: Service = OPENAI,
    max_waiting: int | None = None,
) -> Limiter:
    """The limiter of a client. The service says how limits count that do not say it themselves."""
    if max_concurrency is not None:
        positive("max_concurrency", max_concurrency)
    if max_waiting is not None:
        not_negative("max_waiting", max_waiting)
    return Limiter(max_concurrency, _limits(rate_limit), keys, service.accounting, max_waiting)


def _limits(rate_limit: object) -> StatedLimits:
    if isinstance(rate_limit, Mapping):
        limits: dict[str, RateLimit] = {}
        for model, limit in rate_limit.items():  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(model, str) or not isinstance(limit, RateLimit):
                raise ConfigurationError("rate_limit", "a mapping is of model names (or '*') to RateLimit")
            limits[model] = limit
        return limits
    if rate_limit == "auto" or rate_limit is None:
        return "auto" if rate_limit else None
    if isinstance(rate_limit, (int, float)) and not isinstance(rate_limit, bool) and rate_limit > 0:
        return RateLimit(requests_per_second=rate_limit)
    if isinstance(rate_limit, RateLimit):
        return rate_limit
    raise ConfigurationError(
        "rate_limit", "must be a RateLimit, a mapping of models to them, queries per second, 'auto' or None"
    )


def _proxies(value: str | Mapping[str, str] | None) -> dict[str, str]:
    if value is not None and not isinstance(value, (str, Mapping)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError("proxy", "must be a URL, or a mapping of schemes to URLs")
    configured = {"all": value} if isinstance(value, str) else dict(value or {})
    for scheme, url in configured.items():
        if scheme not in ("http", "https", "all"):
            raise ConfigurationError("proxy", "the schemes of a mapping are 'http', 'https' and 'all'")
        if not _is_proxy(url):
            raise ConfigurationError(f"proxy[{scheme!r}]", "must be an http://, https:// or socks5:// URL with a host")
    return configured


def _is_proxy(url: object) -> bool:
    if not isinstance(url, str) or not _URL.match(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading the port checks it
    except ValueError:
        return False
    address = parts.netloc.rpartition("@")[2]
    return parts.scheme in ("http", "https", "socks5", "socks5h") and _HOST.match(address) is not None


def _environment(*names: str) -> tuple[str | None, str]:
    """The first environment variable that is set and not empty, with its name."""
    for name in names:
        if value := os.environ.get(name):
            return value, name
    return None, names[0]
