"""A small HTTP/1.1 server for one ASGI application.

Why not a ready one: a sandbox must be able to close a connection without an answer, as a network does when it
loses one. The servers at hand answer 500 for an application that stays silent, and a client's retry logic
treats the two quite differently. The application asks for it by raising `HangUp`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

import h11

App = Callable[..., Awaitable[None]]
LOG = logging.getLogger(__name__)
MAX_BODY = 32 * 1024 * 1024
READ_SIZE = 65_536
FINISH_S = 1.0


class HangUp(BaseException):
    """Close this connection without a word. No Exception, so that no middleware turns it into a 500."""


class Connection:
    """One client's connection: request after request until either side has had enough."""

    def __init__(self, app: App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.app, self.reader, self.writer = app, reader, writer
        self.h11 = h11.Connection(h11.SERVER)
        self.busy = False
        self.is_head = False
        self.body: bytes | None = b""
        self.head: tuple[int, list[tuple[bytes, bytes]]] | None = None

    async def run(self) -> None:
        try:
            while await self._exchange():
                self.h11.start_next_cycle()
        except (HangUp, h11.RemoteProtocolError, ConnectionError, TimeoutError):
            pass
        finally:
            self.writer.close()
            with contextlib.suppress(Exception):
                await self.writer.wait_closed()

    async def _exchange(self) -> bool:
        request = await self._event()
        if not isinstance(request, h11.Request):
            return False
        self.body, self.head = await self._read_body(), None
        self.is_head = request.method == b"HEAD"
        self.busy = True
        try:
            await self.app(self._scope(request), self._receive, self._send)
        except (HangUp, ConnectionError):
            raise
        except Exception:
            # The application has already said 500 where it could; here only the reason is kept.
            LOG.exception("%s %s", request.method.decode(), request.target.decode())
        finally:
            self.busy = False
        return self.h11.our_state is h11.DONE and self.h11.their_state is h11.DONE

    async def _event(self) -> Any:
        while (event := self.h11.next_event()) is h11.NEED_DATA:
            if self.h11.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self.writer.write(self.h11.send(go_on) or b"")
            self.h11.receive_data(await self.reader.read(READ_SIZE))
        return event

    async def _read_body(self) -> bytes:
        parts: list[bytes] = []
        while isinstance(event := await self._event(), h11.Data):
            parts.append(bytes(event.data))
            if sum(map(len, parts)) > MAX_BODY:
                raise HangUp
        return b"".join(parts)

    def _scope(self, request: h11.Request) -> dict[str, Any]:
        path, _, query = request.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method.decode(),
            "scheme": "http",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(request.headers),
            "client": self.writer.get_extra_info("peername"),
            "server": self.writer.get_extra_info("sockname"),
        }

    async def _receive(self) -> MutableMapping[str, Any]:
        if self.body is None:
            # Asked whether the client has gone: it has not, until this connection ends and cancels the question.
            await asyncio.Event().wait()
        body, self.body = self.body or b"", None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.head = (message["status"], list(message.get("headers", [])))
            return
        out = b""
        if self.head is not None:
            status, headers = self.head
            self.head = None
            out += self.h11.send(h11.Response(status_code=status, headers=headers)) or b""
        if (body := message.get("body", b"")) and not self.is_head:
            out += self.h11.send(h11.Data(data=body)) or b""
        if not message.get("more_body", False):
            out += self.h11.send(h11.EndOfMessage()) or b""
        self.writer.write(out)
        await self.writer.drain()


class Server:
    """Listens, and at the end gives the connections that are still busy a moment to finish."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.open: dict[Connection, asyncio.Task[None]] = {}
        self.server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which the system chooses when 0 is asked for."""
        self.server = await asyncio.start_server(self._accept, host, port, backlog=1024)
        return int(self.server.sockets[0].getsockname()[1])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = Connection(self.app, reader, writer)
        self.open[connection] = task
        try:
            await connection.run()
        finally:
            self.open.pop(connection, None)

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
        busy = [task for connection, task in self.open.items() if connection.busy]
        if busy:
            await asyncio.wait(busy, timeout=FINISH_S)
        left = list(self.open.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
