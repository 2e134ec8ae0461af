"""A real nginx between the client and the emulator, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_async.emulator import Emulator, Latency, Serving

CONFIGURATION = """
{user}
worker_processes 2;
pid {place}/nginx.pid;
error_log {place}/error.log warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    limit_req_zone $binary_remote_addr zone=calls:1m rate=20r/s;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            {settings}
        }}
    }}
}}
"""


class Nginx:
    """One nginx, started and stopped as often as wanted.

    Args:
        place: directory of its files.
        upstream: origin that it forwards to.
        settings: directives of its location.
    """

    def __init__(self, place: Path, upstream: str, settings: str) -> None:
        binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        assert binary, "these tests need nginx: apt-get install nginx-light"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._place = place
        text = CONFIGURATION.format(
            user="user root;" if os.geteuid() == 0 else "",  # its workers write below the place
            place=place,
            port=self.port,
            upstream=upstream,
            settings=settings,
        )
        (place / "nginx.conf").write_text(text)
        self._command = [binary, "-p", str(place), "-c", str(place / "nginx.conf"), "-g", "daemon off;"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        while True:
            assert self._process.poll() is None, (self._place / "error.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        """Stop it at once: its connections break."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            self._process = None


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(latency=Latency(first_token=0.02))


@pytest.fixture
def upstream(emulator: Emulator) -> Iterator[Serving]:
    with emulator.run() as serving:
        yield serving


@pytest.fixture
def settings() -> str:
    """Directives of nginx's location; a test parametrises them."""
    return ""


@pytest.fixture
def nginx(upstream: Serving, settings: str, tmp_path: Path) -> Iterator[Nginx]:
    server = Nginx(tmp_path, upstream.origin, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["direct", "httpx"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
