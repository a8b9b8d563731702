"""A running sandbox: the one place where its parts are put together, started and stopped."""

import asyncio
from typing import Any

from holdfast.sandbox import app, database, mailbox
from holdfast.sandbox.clock import Clock
from holdfast.sandbox.options import Options
from holdfast.sandbox.server import Server
from holdfast.sandbox.world import World

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - only recognised, to say which address a caller can use


class Sandbox:
    """`start()`, use it, `stop()`."""

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        self.options = options
        self.clock = clock
        self.port = self.smtp_port = 0

    async def start(self) -> None:
        self.pool = await database.open_pool(self.options.database_url)
        self.world = World(self.options, self.pool, self.clock)
        await self.world.load()
        self.server = Server(app.build(self.world))
        self.port = await self.server.start(self.options.host, self.options.port)
        self.mail_server, self.smtp_port = await mailbox.start(self.world)
        self.tasks = [
            asyncio.create_task(self.world.dispatcher.run()),
            asyncio.create_task(self.world.background()),
        ]

    def address(self) -> dict[str, Any]:
        """What others need to know to use it."""
        host = "127.0.0.1" if self.options.host in EVERYWHERE else self.options.host
        return {
            "url": f"http://{host}:{self.port}",
            "smtp_port": self.smtp_port,
            "webhook_secret": self.options.webhook_secret,
            "secret_key": self.options.secret_key,
            "publishable_key": self.options.publishable_key,
        }

    async def stop(self) -> None:
        """Take nothing more in; deliveries that are under way are taken up again at the next start."""
        await self.server.stop()
        self.mail_server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.world.dispatcher.close()
        await self.pool.close()
