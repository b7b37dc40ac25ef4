"""GET /metrics and GET /healthz on a loopback address, in a thread of their own: they answer also when the loop does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from triage.errors import ConfigError, Problem

Health = Callable[[], dict[str, Any]]  # {"status": "ok" | "degraded" | "failing", "reasons": [...], ...}


class Web:
    """The monitoring server. *health* and *metrics* are called from its threads and must only read."""

    def __init__(self, host: str, port: int, *, health: Health, metrics: Callable[[], bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # seconds a client may take; one that says nothing holds a thread no longer

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, metrics())
                elif path == "/healthz":
                    report = health()
                    body = json.dumps(report, indent=1).encode() + b"\n"
                    self._answer(503 if report["status"] == "failing" else 200, "application/json", body)
                else:
                    self._answer(404, "text/plain; charset=utf-8", b"There are /metrics and /healthz.\n")

            def _answer(self, code: int, content_type: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Scrapes are not events."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            fault = f"cannot listen on {host}:{port}: {error.strerror}"
            raise ConfigError(
                [Problem("config/triage.yaml", None, "http", fault, "Choose another port, or enabled: false")]
            ) from None
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="web", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
