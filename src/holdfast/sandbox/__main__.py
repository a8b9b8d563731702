"""`python -m holdfast.sandbox`: the sandbox itself, and `faults` to talk to one that runs."""

import argparse
import asyncio
import json
import os
import signal
import sys
from typing import Any

from holdfast.sandbox import commands
from holdfast.sandbox.options import ALL_EVENTS, Options


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 fine, 1 something is wrong, 2 misuse."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["faults"]:
        return commands.faults(given[1:])
    return serve(_parser().parse_args(given))


def serve(parsed: argparse.Namespace) -> int:
    if not parsed.database_url:
        print("Which database? Give --database-url or set SANDBOX_DATABASE_URL.", file=sys.stderr)
        return 2
    return asyncio.run(_serve(_options(parsed), parsed.json))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("holdfast.sandbox", description=__doc__)

    def option(name: str, default: Any, help: str, kind: type = str) -> None:
        variable = "SANDBOX_" + name.upper().replace("-", "_")
        value = os.environ.get(variable, default)
        parser.add_argument(f"--{name}", type=kind, default=value, help=f"{help} [{variable}]")

    option("host", "127.0.0.1", "the address to listen on")
    option("port", 0, "the port; 0: any free one", int)
    option("smtp-port", 0, "the mail server's port; 0: any free one", int)
    option("database-url", None, "the PostgreSQL in which the ledger lives, in a schema of its own")
    option("secret-key", Options.secret_key, "the API key that callers must show")
    option("publishable-key", Options.publishable_key, "the key that web pages carry")
    option("webhook-url", None, "where webhooks go; more endpoints can be made over the API")
    option("webhook-secret", Options.webhook_secret, "what they are signed with")
    option("webhook-events", ",".join(ALL_EVENTS), "which events, comma-separated, or *")
    option("webhook-payload", Options.webhook_payload, "snapshot or thin")
    option("sms-account-sid", Options.sms_account_sid, "the SMS provider's account")
    option("sms-auth-token", Options.sms_auth_token, "and its token")
    option("sms-incoming-url", None, "where what a phone answers goes")
    option("public-url", None, "how a browser reaches the sandbox, when it is not as the caller does")
    option("seed", None, "makes ids and faults repeatable")
    parser.add_argument("--json", action="store_true", help="print one line of JSON when ready")
    return parser


def _options(parsed: argparse.Namespace) -> Options:
    return Options(
        database_url=parsed.database_url,
        host=parsed.host,
        port=parsed.port,
        smtp_port=parsed.smtp_port,
        secret_key=parsed.secret_key,
        publishable_key=parsed.publishable_key,
        webhook_url=parsed.webhook_url or None,
        webhook_secret=parsed.webhook_secret,
        webhook_events=tuple(name.strip() for name in parsed.webhook_events.split(",") if name.strip()),
        webhook_payload=parsed.webhook_payload,
        sms_account_sid=parsed.sms_account_sid,
        sms_auth_token=parsed.sms_auth_token,
        sms_incoming_url=parsed.sms_incoming_url or None,
        public_url=parsed.public_url,
        seed=parsed.seed,
    )


async def _serve(options: Options, as_json: bool) -> int:
    from holdfast.sandbox.running import Sandbox  # not needed, and slow to import, for the other command

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = Sandbox(options)
    await sandbox.start()
    try:
        _announce(sandbox.address(), as_json)
        await stop.wait()
    finally:
        await sandbox.stop()
    return 0


def _announce(address: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(address), flush=True)
        return
    print(f"Sandbox at {address['url']} (payments), {address['url']}/inbox (mail and SMS); no real money.")
    print(f"Mail server on port {address['smtp_port']}. Stop with Ctrl-C.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
