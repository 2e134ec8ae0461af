"""The TLS context that all connections share, because making one costs about 15 ms and 0.7 MB.

The environment selects the trusted certificates: SSL_CERT_FILE, SSL_CERT_DIR or REQUESTS_CA_BUNDLE, in that order. The
default is the certifi package.
"""

from __future__ import annotations

import functools
import os
import ssl


class TrustError(OSError):
    """The environment names certificates that cannot be read."""


@functools.cache
def shared_context() -> ssl.SSLContext:
    """The process's verifying context.

    Raises:
        TrustError: names the variable and the path.
    """
    variable, path = _trusted()
    try:
        if variable == "SSL_CERT_DIR":
            if not any(os.path.isdir(part) for part in path.split(os.pathsep)):
                raise TrustError(f"{variable} names {path}, which is no directory")
            context = ssl.create_default_context(capath=path)
        elif os.path.isdir(path):  # of REQUESTS_CA_BUNDLE
            context = ssl.create_default_context(capath=path)
        else:
            context = ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise TrustError(f"{variable} names {path}, which holds no certificate ({error.reason})") from None
    except OSError as error:
        if isinstance(error, TrustError):
            raise
        raise TrustError(f"{variable} names {path}, which cannot be read: {error.strerror}") from None
    context.set_alpn_protocols(["http/1.1"])  # some gateways close a connection that offers none
    return context


def trusted_source() -> str:
    """The source of the trusted certificates, in words."""
    variable, path = _trusted()
    return f"{variable} ({path})" if variable != "certifi" else "the certifi package (SSL_CERT_FILE adds your own)"


def _trusted() -> tuple[str, str]:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        if path := os.environ.get(variable):
            return variable, path
    import certifi  # slow to load, and not needed for plain http

    return "certifi", certifi.where()
