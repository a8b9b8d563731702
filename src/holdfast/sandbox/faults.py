"""The faults that can be switched on, what they mean, and how a partial change is merged and checked."""

from copy import deepcopy
from typing import Any

Json = dict[str, Any]

PROBABILITIES = {
    "webhooks": ("lose", "duplicate", "never_generate"),
    "api": ("timeout_before", "timeout_after", "error_500", "error_500_after", "error_429"),
    "mail": ("refuse", "defer", "drop_connection"),
    "sms": ("error", "undelivered"),
    "refunds": ("fail_later",),
}
SECONDS = {
    "webhooks": ("delay_s",),
    "api": ("timeout_s",),
    "refunds": ("delay_s",),
    "payments": ("settle_after_s", "authorised_for_s"),
}
SECONDS_LIMIT = 30 * 24 * 3600

NO_FAULTS: Json = {
    # lose: the delivery vanishes on its way and is not tried again; never_generate: the event is not even made.
    "webhooks": {
        "lose": 0,
        "duplicate": 0,
        "delay_s": 0,
        "reorder": False,
        "never_generate": 0,
        "clock_skew_s": 0,
    },
    # *_before strikes before the effect, *_after when the effect is in the ledger and only the answer is lost.
    "api": {
        "timeout_before": 0,
        "timeout_after": 0,
        "error_500": 0,
        "error_500_after": 0,
        "error_429": 0,
        "timeout_s": 30,
        "only": [],
    },
    "mail": {"refuse": 0, "defer": 0, "drop_connection": 0},
    "sms": {"error": 0, "undelivered": 0},
    "refunds": {"fail_later": 0, "delay_s": 5},
    # authorised_for_s: how long a card's bank holds an amount that nobody has captured; 7 days less 2 hours. Stripe says
    # when in `capture_before`, and whoever computes seven days instead is late.
    "payments": {"settle_after_s": 5, "authorised_for_s": 7 * 24 * 3600 - 2 * 3600},
    "seed": None,
}


class BadFaults(ValueError):
    """The body of a fault change that makes no sense; the message says where."""


def fresh() -> Json:
    return deepcopy(NO_FAULTS)


def merged(current: Json, change: object) -> Json:
    """`current` with `change` laid over it; nothing is changed when any part of it is wrong."""
    if not isinstance(change, dict):
        raise BadFaults("the body must be a JSON object")
    result = deepcopy(current)
    for group, values in change.items():
        if group == "seed":
            result["seed"] = _seed(values)
        else:
            _merge_group(result, group, values)
    return result


def _seed(value: object) -> str | None:
    if value is None or isinstance(value, str | int):
        return None if value is None else str(value)
    raise BadFaults("seed must be a string, a number or null")


def _merge_group(result: Json, group: str, values: object) -> None:
    if group not in NO_FAULTS:
        raise BadFaults(f"unknown group of faults: {group}")
    if not isinstance(values, dict):
        raise BadFaults(f"{group} must be an object")
    for name, value in values.items():
        if name not in NO_FAULTS[group]:
            raise BadFaults(f"unknown fault: {group}.{name}")
        result[group][name] = _checked(group, name, value)


def _checked(group: str, name: str, value: object) -> Any:
    path = f"{group}.{name}"
    if name in PROBABILITIES.get(group, ()):
        return _number(path, value, 0, 1)
    if name in SECONDS.get(group, ()):
        return _number(path, value, 0, SECONDS_LIMIT)
    if name == "clock_skew_s":
        return _number(path, value, -SECONDS_LIMIT, SECONDS_LIMIT)
    if name == "only":
        return _patterns(path, value)
    if not isinstance(value, bool):
        raise BadFaults(f"{path} must be true or false")
    return value


def _number(path: str, value: object, low: float, high: float) -> float:
    if isinstance(value, bool):
        value = int(value)
    if not isinstance(value, int | float) or not low <= value <= high:
        raise BadFaults(f"{path} must be a number from {low} to {high}")
    return value


def _patterns(path: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadFaults(f'{path} must be a list such as ["POST /v1/checkout/sessions"]')
    return list(value)


def applies(only: list[str], method: str, path: str) -> bool:
    """Whether the API's faults reach this request: a pattern is a path, or a method and a path; `*` ends a prefix."""
    return not only or any(_matches(pattern, method, path) for pattern in only)


def _matches(pattern: str, method: str, path: str) -> bool:
    wanted_method, _, wanted_path = pattern.rpartition(" ")
    if wanted_method and wanted_method.upper() != method:
        return False
    if wanted_path.endswith("*"):
        return path.startswith(wanted_path[:-1])
    return path == wanted_path
