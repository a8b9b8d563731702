"""Errors in Stripe's shape. https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes"""

from typing import Any

DOCS = "https://docs.stripe.com/error-codes/"
STATUS_TYPE = {401: "invalid_request_error", 402: "card_error", 500: "api_error"}


class StripeFault(Exception):
    """An answer that is an error. Raising one undoes whatever the request had changed.

    `stored`: whether the answer is kept under the request's idempotency key. Stripe keeps the results of
    endpoints that began to execute, and not those of parameters that failed validation.
    """

    def __init__(
        self,
        message: str,
        code: str | None = None,
        param: str | None = None,
        status: int = 400,
        kind: str | None = None,
        stored: bool = True,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.stored = stored
        self.headers: dict[str, str] = {}
        self.error: dict[str, Any] = {
            "message": message,
            "type": kind or STATUS_TYPE.get(status, "invalid_request_error"),
        }
        if code is not None:
            self.error |= {"code": code, "doc_url": DOCS + code.replace("_", "-")}
        if param is not None:
            self.error["param"] = param
        self.error |= extra


def invalid(message: str, param: str | None, code: str | None = None) -> StripeFault:
    """A parameter that failed validation, before anything was done."""
    return StripeFault(message, code, param, stored=False)


def unknown_parameter(param: str) -> StripeFault:
    return invalid(f"Received unknown parameter: {param}", param, "parameter_unknown")


def missing_parameter(param: str) -> StripeFault:
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def missing_resource(kind: str, wanted: str, param: str = "id") -> StripeFault:
    return StripeFault(f"No such {kind}: '{wanted}'", "resource_missing", param, status=404, stored=False)


def wrong_state(message: str, code: str | None = None, param: str | None = None) -> StripeFault:
    """The request is well formed, but the object is not in a state that allows it."""
    return StripeFault(message, code, param)


def unrecognized_url(method: str, path: str) -> StripeFault:
    message = f"Unrecognized request URL ({method}: {path}). Please see https://docs.stripe.com or we can help at https://support.stripe.com/."
    return StripeFault(message, status=404, stored=False)


def no_key() -> StripeFault:
    message = (
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth "
        "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
    )
    return StripeFault(message, status=401, stored=False)


def wrong_key(key: str) -> StripeFault:
    hidden = key[:8] + "*" * max(4, len(key) - 12) + key[-4:] if len(key) > 12 else "****"
    return StripeFault(f"Invalid API Key provided: {hidden}", status=401, stored=False)


def secret_key_required() -> StripeFault:
    message = (
        "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your "
        "API keys at https://dashboard.stripe.com/account/apikeys."
    )
    return StripeFault(message, "secret_key_required", status=403, kind="invalid_request_error", stored=False)


def server_error() -> StripeFault:
    fault = StripeFault("An unknown error occurred", status=500, kind="api_error")
    # The result is stored under the idempotency key, so trying again would only bring it back.
    fault.headers["Stripe-Should-Retry"] = "false"
    return fault


def rate_limited() -> StripeFault:
    message = (
        "Request rate limit exceeded. Learn more about rate limits here https://docs.stripe.com/rate-limits."
    )
    fault = StripeFault(message, "rate_limit", status=429, stored=False)
    fault.headers["Stripe-Rate-Limited-Reason"] = "global-rate"
    return fault


def lock_timeout() -> StripeFault:
    message = "This object cannot be accessed right now because another API request or Stripe process is currently accessing it."
    fault = StripeFault(message, "lock_timeout", status=429, stored=False)
    fault.headers["Stripe-Should-Retry"] = "true"
    return fault


def key_in_use(key: str) -> StripeFault:
    message = f"There is currently another in-progress request using this Idempotent Key: {key}."
    return StripeFault(message, "idempotency_key_in_use", status=409, kind="idempotency_error", stored=False)


def key_mismatch(key: str) -> StripeFault:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeFault(message, kind="idempotency_error", stored=False)
