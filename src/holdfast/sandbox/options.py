"""What a sandbox is started with."""

from dataclasses import dataclass

# Everything that the sandbox can tell, for the endpoint that it is started with.
ALL_EVENTS = (
    "checkout.session.completed checkout.session.async_payment_succeeded checkout.session.async_payment_failed "
    "checkout.session.expired payment_intent.created payment_intent.succeeded payment_intent.payment_failed "
    "payment_intent.processing payment_intent.canceled payment_intent.requires_action "
    "payment_intent.amount_capturable_updated charge.succeeded charge.failed charge.pending charge.captured charge.expired "
    "charge.refunded charge.updated refund.created refund.updated refund.failed charge.dispute.created "
    "charge.dispute.updated charge.dispute.closed charge.dispute.funds_withdrawn charge.dispute.funds_reinstated"
).split()
# Seconds until the next try. Stripe's own schedule is unpublished, and goes on for three days.
RETRY_SCHEDULE = (1.0, 3.0, 10.0, 30.0, 60.0, 300.0)
RETRY_FOR_SECONDS = 3 * 24 * 3600


@dataclass(frozen=True)
class Options:
    """All of it can be left as it is, except the database."""

    database_url: str
    host: str = "127.0.0.1"
    port: int = 0
    smtp_port: int = 0
    secret_key: str = "sk_test_sandbox"  # noqa: S105 - opens nothing but a sandbox
    # What a web page carries: it opens one intent at a time, to whoever has that intent's secret.
    publishable_key: str = "pk_test_sandbox"
    webhook_url: str | None = None
    webhook_secret: str = "whsec_sandbox"  # noqa: S105 - opens nothing but a sandbox
    webhook_events: tuple[str, ...] = tuple(ALL_EVENTS)
    webhook_payload: str = "snapshot"
    webhook_timeout_s: float = 10.0
    retry_schedule: tuple[float, ...] = RETRY_SCHEDULE
    # How long the pay page waits for checkout.session.completed to be answered. Stripe: up to 10 seconds.
    checkout_wait_s: float = 2.0
    sms_account_sid: str = "ACsandbox"
    sms_auth_token: str = "sandbox"  # noqa: S105
    # Where what a phone answers goes.
    sms_incoming_url: str | None = None
    public_url: str | None = None
    seed: str | None = None
