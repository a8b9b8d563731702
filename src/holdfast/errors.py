"""Every error that Holdfast answers with: a drawn tree of sentences.

    HoldfastError                     status  code                exit
    ├── ValidationFailed              422     validation_failed   2
    ├── NotFound                      404     not_found           1
    ├── Unauthorized                  401     unauthorized        2
    ├── Forbidden                     403     forbidden           2
    ├── Conflict                      409     conflict            1
    │   ├── SoldOut                   409     sold_out            1
    │   ├── SlotTaken                 409     slot_taken          1
    │   ├── NotPaid                   409     not_paid            1
    │   ├── Expired                   409     expired             1
    │   ├── NotOnSale                 409     not_on_sale         1
    │   ├── OptedOut                  409     opted_out           1
    │   └── RefundRefused             409     refund_refused      1
    ├── TooLarge                      413     too_large           2
    ├── RateLimited                   429     rate_limited        1
    ├── SettingsWrong                 500     settings_wrong      2
    ├── StripeRefused                 502     stripe_refused      1
    └── Unavailable                   503     unavailable         1
        ├── StripeUnavailable         503     stripe_unavailable  1
        │   └── StripeFailed          503     stripe_unavailable  1
        └── DatabaseUnavailable       503     database_unavailable 1

`status` is the answer over HTTP, `exit_code` that of the command line. `detail` is a sentence for a person and holds no
personal data; `extra` goes into the problem document beside it.
"""

from __future__ import annotations

from typing import Any


class HoldfastError(Exception):
    status = 500
    code = "internal"
    title = "Something went wrong on our side"
    exit_code = 1
    retry_after: int | None = None

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class ValidationFailed(HoldfastError):
    status, code, title, exit_code = 422, "validation_failed", "The request is not valid", 2


class NotFound(HoldfastError):
    status, code, title = 404, "not_found", "There is no such thing here"


class Unauthorized(HoldfastError):
    status, code, title, exit_code = 401, "unauthorized", "A valid key is needed", 2


class Forbidden(HoldfastError):
    status, code, title, exit_code = 403, "forbidden", "This key may not do that", 2


class Conflict(HoldfastError):
    status, code, title = 409, "conflict", "This conflicts with what is already there"


class SoldOut(Conflict):
    code, title = "sold_out", "Not enough seats are free"


class SlotTaken(Conflict):
    code, title = "slot_taken", "This time is taken"


class NotPaid(Conflict):
    code, title = "not_paid", "Stripe says that this was not paid"


class Expired(Conflict):
    code, title = "expired", "The time to pay is over"


class NotOnSale(Conflict):
    code, title = "not_on_sale", "This is not on sale"


class OptedOut(Conflict):
    code, title = "opted_out", "This number wants no SMS"


class RefundRefused(Conflict):
    code, title = "refund_refused", "This refund is not possible"


class TooLarge(HoldfastError):
    status, code, title, exit_code = 413, "too_large", "The request is too large", 2


class RateLimited(HoldfastError):
    status, code, title = 429, "rate_limited", "Too many requests"
    retry_after = 30


class SettingsWrong(HoldfastError):
    status, code, title, exit_code = 500, "settings_wrong", "The settings need attention", 2


class StripeRefused(HoldfastError):
    """Stripe understood and said no: a mistake in what we sent, or a rule of theirs. Asking again will not help."""

    status, code, title = 502, "stripe_refused", "Stripe refused this"


class Unavailable(HoldfastError):
    status, code, title = 503, "unavailable", "Not available just now"
    retry_after = 5


class StripeUnavailable(Unavailable):
    """No answer, or a 5xx: whether it happened is unknown (rule 7). Never read as 'it did not happen'."""

    code, title = "stripe_unavailable", "Stripe cannot be reached just now"


class StripeFailed(StripeUnavailable):
    """Stripe answered, with an error of its own. It keeps that answer under the idempotency key for a day, so the same key
    gets the same error again: what was asked for is looked for, and once proven absent asked for under a new key."""


class DatabaseUnavailable(Unavailable):
    code, title = "database_unavailable", "The database cannot be reached just now"


def unforeseen(problem: Exception) -> str:
    """What is stored of an error that nobody foresaw. Its first line only: PostgreSQL's details quote the row that it refused."""
    return f"{type(problem).__name__}: {str(problem).partition(chr(10))[0]}"[:500]
