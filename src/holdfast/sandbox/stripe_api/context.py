"""What a handler of a request is given."""

from dataclasses import dataclass
from typing import Any

from holdfast.sandbox.ledger import Ledger, Row
from holdfast.sandbox.stripe_api.errors import missing_resource


@dataclass
class Call:
    """One request: its books, its checked parameters, and the current settings of the faults."""

    ledger: Ledger
    params: dict[str, Any]
    faults: dict[str, Any]
    base_url: str
    # asked with a publishable key, that is from a browser
    public: bool = False

    @property
    def now(self) -> int:
        return self.ledger.now


@dataclass
class Answer:
    """A body with a status other than 200 whose effects stay, such as a decline."""

    status: int
    body: dict[str, Any]


async def wanted(call: Call, kind: str, id: str, param: str, lock: bool = False) -> Row:
    """The object that a request names, or Stripe's 404."""
    row = await call.ledger.find(id, lock)
    if row is None or row.type != kind:
        raise missing_resource(NAMES.get(kind, kind), id, param)
    return row


NAMES = {
    "webhook_endpoint": "webhook endpoint",
    "balance_transaction": "balance transaction",
    "payment_method": "PaymentMethod",
}
