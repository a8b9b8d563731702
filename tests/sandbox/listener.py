"""A place for webhooks to arrive at."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import stripe

PATIENCE_S = 20.0


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass
class Listener:
    """`status` is what it answers; `wait_for` blocks until enough has come."""

    url: str = ""
    secret: str = ""
    status: int = 200
    received: list[Received] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, received: Received) -> None:
        with self.changed:
            self.received.append(received)
            self.changed.notify_all()

    def wait_for(self, enough: Callable[[list[Received]], bool]) -> list[Received]:
        with self.changed:
            arrived = self.changed.wait_for(lambda: enough(self.received), PATIENCE_S)
            assert arrived, f"only these came: {self.kinds()}"
            return list(self.received)

    def wait_for_kind(self, kind: str, times: int = 1) -> list[Received]:
        """All that has come of this kind, when there is enough of it."""
        got = self.wait_for(lambda all_: sum(one.json["type"] == kind for one in all_) >= times)
        return [one for one in got if one.json["type"] == kind]

    def kinds(self) -> list[str]:
        return [one.json.get("type", "?") for one in self.received]

    def event(self, received: Received) -> stripe.Event:
        """The event, its signature checked by the SDK."""
        return stripe.Webhook.construct_event(  # type: ignore[no-any-return]
            received.body, received.headers["stripe-signature"], self.secret
        )


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            listener.take(Received(headers, body))
            self.send_response(listener.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Not on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield listener
    server.shutdown()
    server.server_close()
