"""What a request may say. Each kind turns the strings of a form into a value, or refuses as Stripe refuses."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.sandbox.stripe_api.errors import invalid, missing_parameter, unknown_parameter

Kind = Callable[[Any, str], Any]
Fields = Mapping[str, Kind]

TEXT_LIMIT = 5_000
AMOUNT_LIMIT = 99_999_999
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500
UNSET = ""
URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s]+")
INTEGER = re.compile(r"[+-]?\d{1,18}")


def text(limit: int = TEXT_LIMIT, unset: bool = False) -> Kind:
    """A string; `unset` allows the empty one, with which a caller takes a value away."""

    def check(value: Any, param: str) -> str | None:
        string = _string(value, param)
        if string == "":
            if unset:
                return UNSET
            raise _empty(param)
        if len(string) > limit:
            message = f"Invalid string: {string[:10]}...{string[-4:]}; must be at most {limit} characters"
            raise invalid(message, param)
        return string

    return check


def integer(low: int | None = None, high: int | None = None, unset: bool = False) -> Kind:
    def check(value: Any, param: str) -> int | str:
        string = _string(value, param)
        if unset and string == "":
            return UNSET
        if not INTEGER.fullmatch(string):
            raise invalid(f"Invalid integer: {string}", param, "parameter_invalid_integer")
        number = int(string)
        if low is not None and number < low:
            raise invalid(
                f"Invalid integer: this value must be greater than or equal to {low}.",
                param,
                "parameter_invalid_integer",
            )
        if high is not None and number > high:
            raise invalid(
                f"Invalid integer: this value must be less than or equal to {high}.",
                param,
                "parameter_invalid_integer",
            )
        return number

    return check


def decimal(value: Any, param: str) -> str:
    string = _string(value, param)
    if not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", string):
        raise invalid(f"Invalid decimal: {string}", param)
    return string


def boolean(value: Any, param: str) -> bool:
    string = _string(value, param)
    if string not in ("true", "false"):
        raise invalid(f"Invalid boolean: {string}", param)
    return string == "true"


def one_of(*choices: str, unset: bool = False) -> Kind:
    def check(value: Any, param: str) -> str:
        string = _string(value, param)
        if string in choices or (unset and string == ""):
            return string
        if string == "":
            raise _empty(param)
        *most, last = choices
        wanted = f"{', '.join(most)}, or {last}" if most else last
        raise invalid(f"Invalid {param}: must be one of {wanted}", param)

    return check


def url(value: Any, param: str) -> str:
    string = text()(value, param)
    if not URL.fullmatch(string):
        raise invalid("Not a valid URL", param, "url_invalid")
    return str(string)


def email(value: Any, param: str) -> str:
    string = str(text(800)(value, param))
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", string):
        raise invalid(f"Invalid email address: {string}", param, "email_invalid")
    return string


def amount(low: int = 0) -> Kind:
    """Minor units; the ceiling is eight digits. https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts"""

    def check(value: Any, param: str) -> int:
        number = int(integer()(value, param))
        if number < low:
            raise invalid(
                f"Invalid integer: this value must be greater than or equal to {low}.",
                param,
                "parameter_invalid_integer",
            )
        if number > AMOUNT_LIMIT:
            raise invalid("Amount must be no more than 999,999.99", param, "amount_too_large")
        return number

    return check


def list_of(item: Kind, most: int = 100) -> Kind:
    def check(value: Any, param: str) -> list[Any]:
        if not isinstance(value, list):
            raise invalid("Invalid array", param)
        if len(value) > most:
            raise invalid(f"Array is too long: {param} may have at most {most} elements.", param)
        return [item(each, f"{param}[{index}]") for index, each in enumerate(value)]

    return check


def hash_of(fields: Fields, required: tuple[str, ...] = (), unset: bool = False) -> Kind:
    def check(value: Any, param: str) -> Any:
        if unset and value == "":
            return UNSET
        if not isinstance(value, dict):
            raise invalid("Invalid object", param)
        return checked(value, fields, required, param)

    return check


def metadata(value: Any, param: str) -> Any:
    """50 keys of 40 characters, values of 500. https://docs.stripe.com/metadata#data"""
    if value == UNSET:
        return UNSET
    if not isinstance(value, dict):
        raise invalid("Invalid object", param)
    if len(value) > METADATA_KEYS:
        raise invalid(f"You cannot have more than {METADATA_KEYS} metadata keys set.", param)
    for key, item in value.items():
        _metadata_pair(key, item, param)
    return value


def _metadata_pair(key: str, value: Any, param: str) -> None:
    where = f"{param}[{key}]"
    if not isinstance(value, str):
        message = "Metadata values must be strings. Nested hashes and arrays are not allowed."
        raise invalid(message, where)
    if len(key) > METADATA_KEY_LENGTH:
        message = f"Metadata keys cannot exceed {METADATA_KEY_LENGTH} characters in length; key is {len(key)} characters."
        raise invalid(message, where)
    if len(value) > METADATA_VALUE_LENGTH:
        message = (
            f"Metadata values can have up to {METADATA_VALUE_LENGTH} characters, but you passed in a value that is "
            f"{len(value)} characters."
        )
        raise invalid(f"{message} Invalid value: {value[:10]}...", where)


def anything(value: Any, param: str) -> Any:
    """Accepted and kept out of sight: a part of Stripe that the sandbox has no use for."""
    return value


def gone(reason: str) -> Kind:
    def check(value: Any, param: str) -> Any:
        raise invalid(reason, param, "parameter_unknown")

    return check


def checked(
    given: Mapping[str, Any], fields: Fields, required: tuple[str, ...] = (), inside: str = ""
) -> dict[str, Any]:
    """The values of `given`, each by its kind; the first thing that is wrong is refused."""

    def named(name: str) -> str:
        return f"{inside}[{name}]" if inside else name

    unknown = [name for name in given if name not in fields]
    if unknown:
        raise unknown_parameter(named(unknown[0]))
    for name in required:
        if name not in given:
            raise missing_parameter(named(name))
    return {name: fields[name](value, named(name)) for name, value in given.items()}


def merged_metadata(current: Mapping[str, str], change: Any) -> dict[str, str]:
    """An update adds keys, an empty value takes one away, an empty string takes all away."""
    if change == UNSET:
        return {}
    merged = {**current, **change}
    kept = {key: value for key, value in merged.items() if value != UNSET}
    if len(kept) > METADATA_KEYS:
        raise invalid(f"You cannot have more than {METADATA_KEYS} metadata keys set.", "metadata")
    return kept


def _string(value: Any, param: str) -> str:
    if isinstance(value, str):
        return value
    raise invalid("Invalid string: a hash or an array was given", param)


def _empty(param: str) -> Exception:
    message = (
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; however "
        f"'{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty value."
    )
    return invalid(message, param, "parameter_invalid_empty")
