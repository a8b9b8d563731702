"""Amounts: integers in minor units, with a currency beside them. No floats anywhere (F22).

The exponents are Stripe's (docs.stripe.com/currencies), which differ from ISO 4217 in a few: ISK and UGX are charged as if
they had two decimals though they have none in use.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency, list_currencies

NO_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
MOST_IN_ONE_PAYMENT = 99_999_999  # eight digits: Stripe's limit
KNOWN_CURRENCIES = frozenset(list_currencies())


def exponent(currency: str) -> int:
    """How many decimals the minor unit of a currency (ISO, upper case) stands for."""
    if currency in NO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def is_currency(code: str) -> bool:
    return code in KNOWN_CURRENCIES


def to_decimal(amount: int, currency: str) -> Decimal:
    """1250, GBP → 12.50"""
    return Decimal(amount).scaleb(-exponent(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """12.50, GBP → 1250. A sum finer than the currency is a ValueError, never rounded away."""
    minor = amount.scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{amount} is finer than {currency} can be paid")
    return int(minor)


def formatted(amount: int, currency: str, locale: str = "en_GB") -> str:
    """As a customer reads it: £12.50, 12,50 €, ¥1,250."""
    digits = exponent(currency)
    value = to_decimal(amount, currency)
    return (
        format_currency(value, currency, locale=locale, decimal_quantization=digits != 2)
        if digits == 2
        else _odd(value, currency, locale, digits)
    )


def _odd(value: Decimal, currency: str, locale: str, digits: int) -> str:
    pattern = "¤#,##0" + ("." + "0" * digits if digits else "")
    return format_currency(value, currency, format=pattern, locale=locale, currency_digits=False)


def share(amount: int, percent: int) -> int:
    """A percentage of an amount, halves rounded up, in the customer's favour."""
    return int((Decimal(amount) * percent / 100).to_integral_value(rounding=ROUND_HALF_UP))
