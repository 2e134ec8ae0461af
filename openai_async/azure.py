"""`AsyncAzureClient`: the client for Azure OpenAI, with its URLs, credentials and token accounting.

Azure has two forms of the API. The v1 form is at `/openai/v1` and works like OpenAI's own API: the deployment is the
`model` of a request. The dated form needs an api-version. There the deployment is part of the path
(`/openai/deployments/NAME/chat/completions`); other paths are directly below `/openai`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

from openai_async import _config
from openai_async._pipeline.service import Service
from openai_async._policy.prices import PriceLike
from openai_async._wire import paths
from openai_async._wire.headers import check_token
from openai_async.client import AsyncClient
from openai_async.errors import ConfigurationError, InvalidParameterError, frameless
from openai_async.types.call_event import CallEvent
from openai_async.types.limits import RateLimit
from openai_async.types.settings import Timeout

Key: TypeAlias = str | Sequence[str] | Callable[[], str | Awaitable[str]]

#: What is done by a deployment, and stands below it in the older form.
_OF_A_DEPLOYMENT: Final = frozenset(
    {
        "/audio/speech",
        "/audio/transcriptions",
        "/audio/translations",
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/images/edits",
        "/images/generations",
    }
)
#: Versions of the v1 form; those of the older one are dates.
_V1_VERSIONS: Final = ("v1", "preview", "latest")
_WHOLE_BASE: Final = re.compile(r"/openai/(?:v1|deployments)(?:/|\Z)")


class ClientSettings(TypedDict, total=False):
    """The settings of a client on any service; see `AsyncClient`."""

    organization: str | Sequence[str] | None
    project: str | None
    timeout: float | Timeout | None
    deadline: float | None
    max_retries: int
    rate_limit: RateLimit | Mapping[str, RateLimit] | float | Literal["auto"] | None
    max_concurrency: int | None
    max_waiting: int | None
    prices: Mapping[str, PriceLike] | None
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, object] | None
    proxy: str | Mapping[str, str] | None
    trust_env: bool
    allow_http: bool
    http_client: Any
    transport: Any
    max_response_bytes: int
    max_event_bytes: int
    webhook_secret: str | None
    admin_api_key: str | None
    hooks: Sequence[Callable[[CallEvent], None]]


class AsyncAzureClient(AsyncClient):
    """The client for Azure OpenAI, with everything that `AsyncClient` has.

    Args:
        azure_endpoint: URL of the resource, such as https://RESOURCE.openai.azure.com. None for AZURE_OPENAI_ENDPOINT.
        azure_deployment: the deployment of every request, whatever its `model`; only with a dated `api_version`. None
            uses the `model` of each request as the deployment.
        api_version: a date such as "2024-10-21" for the dated form of the API. None for OPENAI_API_VERSION. If neither
            is set, or for "v1", "preview" or "latest", the v1 form is used.
        api_key: sent as `api-key`: a string; a list of strings, used in turn for each attempt; or a sync or async
            callable, called before each attempt.
        azure_ad_token: Microsoft Entra ID token, sent as bearer token.
        azure_ad_token_provider: a sync or async callable that returns such a token, called before each attempt. Pass at
            most one of these three; by default AZURE_OPENAI_AD_TOKEN is used, then AZURE_OPENAI_API_KEY.
        base_url: instead of `azure_endpoint`, everything before `/chat/completions` or `/deployments`.
        settings: all other settings of `AsyncClient`. Tokens count against limits by usage, not by estimate, unless a
            `RateLimit` says otherwise.

    Raises:
        ConfigurationError: names the argument or variable that is missing or cannot be used; never shows a key.
    """

    def __init__(
        self,
        *,
        azure_endpoint: str | None = None,
        azure_deployment: str | None = None,
        api_version: str | None = None,
        api_key: str | Sequence[str] | Callable[[], str | Awaitable[str]] | None = None,
        azure_ad_token: str | None = None,
        azure_ad_token_provider: Callable[[], str | Awaitable[str]] | None = None,
        base_url: str | None = None,
        **settings: Unpack[ClientSettings],
    ) -> None:
        try:
            version = api_version or os.environ.get("OPENAI_API_VERSION") or None
            dated = version is not None and version not in _V1_VERSIONS
            credential, key = _credential(api_key, azure_ad_token, azure_ad_token_provider)
            base = _base(
                azure_endpoint, base_url, "openai" if dated else "openai/v1", settings.get("allow_http", False)
            )
            is_key = credential == "api_key"
            self._service = Service(
                key_header=b"api-key" if is_key else b"authorization",
                key_prefix=b"" if is_key else b"Bearer ",
                credential=credential,
                accounting="settle",
                path_of=_path_prefix(base, azure_deployment, dated=dated),
            )
            query = _config.query(settings.get("default_query"))
            settings["default_query"] = query if version is None else {**query, "api-version": version}
            super().__init__(api_key=key, base_url=base, **settings)
        except ConfigurationError as error:
            # What may hold a key must not stand in a traceback that is shown with local variables.
            del azure_endpoint, api_key, azure_ad_token, azure_ad_token_provider, base_url, settings
            key = base = ""
            raise frameless(error) from None


def _credential(
    key: Key | None, token: str | None, provider: Callable[[], str | Awaitable[str]] | None
) -> tuple[str, Key]:
    """The name and the source of the credential. An explicit one disables those of the environment."""
    credentials = {"api_key": key, "azure_ad_token": token, "azure_ad_token_provider": provider}
    configured = {name: value for name, value in credentials.items() if value is not None and value != "ENV"}
    if len(configured) > 1:
        raise ConfigurationError(" and ".join(configured), "exclude each other: give one of them")
    for name, value in configured.items():
        if name == "azure_ad_token_provider" and not callable(value):
            raise ConfigurationError(name, "must be a callable")
        return name, check_token(name, value) if name == "azure_ad_token" else value
    if (token := os.environ.get("AZURE_OPENAI_AD_TOKEN")) and key is None:
        return "azure_ad_token", check_token("AZURE_OPENAI_AD_TOKEN", token)
    if key := os.environ.get("AZURE_OPENAI_API_KEY"):
        return "api_key", check_token("AZURE_OPENAI_API_KEY", key)
    raise ConfigurationError(
        "api_key",
        "no credential given: pass api_key=..., azure_ad_token=... or azure_ad_token_provider=...,"
        " or set AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN",
    )


def _base(endpoint: str | None, base_url: str | None, below: str, allow_http: bool) -> str:
    """The URL that paths are appended to."""
    if base_url is not None:
        if endpoint is not None:
            raise ConfigurationError("azure_endpoint and base_url", "exclude each other: give one of them")
        return _config.base_url(base_url, allow_http=allow_http)
    field = "azure_endpoint"
    if endpoint is None:
        field = "AZURE_OPENAI_ENDPOINT"
        endpoint = os.environ.get(field)
    if not endpoint:
        raise ConfigurationError(
            "azure_endpoint",
            "no endpoint given: pass azure_endpoint=... (or base_url=...) or set AZURE_OPENAI_ENDPOINT",
        )
    try:
        base = _config.base_url(endpoint, allow_http=allow_http)
    except ConfigurationError as error:
        raise ConfigurationError(field, str(error).partition(": ")[2]) from None
    if _WHOLE_BASE.search(base):
        raise ConfigurationError(field, "must end before /openai, which is added; a whole base goes into base_url")
    return f"{base}/{below}"


def _path_prefix(base: str, deployment: str | None, *, dated: bool) -> Callable[[str, Mapping[str, Any]], str] | None:
    """Where paths start below the base URL."""
    if deployment is not None and not dated:
        raise ConfigurationError(
            "api_version",
            "azure_deployment needs the older form of the API: pass api_version=... or set OPENAI_API_VERSION to"
            " a date (in the v1 form, which has none, the deployment is the model of a request)",
        )
    if not dated or "/deployments" in base:
        return None
    try:
        fixed = None if deployment is None else paths.segment("azure_deployment", deployment)
    except InvalidParameterError as error:
        raise ConfigurationError(error.field, str(error).partition(": ")[2]) from None
    return partial(_below_deployment, fixed)


def _below_deployment(fixed: str | None, template: str, params: Mapping[str, Any]) -> str:
    """The path of an operation in the dated form of the API."""
    if template not in _OF_A_DEPLOYMENT:
        return template
    if fixed is None and params.get("model") is None:
        raise InvalidParameterError("model", "must name the deployment: the client has no azure_deployment")
    return f"/deployments/{fixed or paths.segment('model', params['model'])}{template}"
