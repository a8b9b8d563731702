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
WHOLE_UNITS_ONLY = frozenset({"ISK", "UGX"})
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


def step(currency: str) -> int:
    """What every sum charged or refunded must be a multiple of: Stripe takes three-decimal currencies in tens of the minor
    unit, and ISK and UGX in whole units though it counts them in hundredths (docs.stripe.com/currencies, special cases)."""
    if currency in THREE_DECIMALS:
        return 10
    return 100 if currency in WHOLE_UNITS_ONLY else 1


def formatted(amount: int, currency: str, locale: str = "en_GB") -> str:
    """As a customer reads it: £12.50, 12,50 €, ¥1,250."""
    digits = exponent(currency)
    value = to_decimal(amount, currency)
    if digits == 2:
        return format_currency(value, currency, locale=locale)
    pattern = "¤#,##0" + ("." + "0" * digits if digits else "")
    return format_currency(value, currency, format=pattern, locale=locale, currency_digits=False)


def share(amount: int, percent: int, currency: str = "XXX") -> int:
    """A percentage of an amount, halves rounded up, in the customer's favour, to what the currency can be paid in."""
    unit = step(currency)
    return int((Decimal(amount) * percent / 100 / unit).to_integral_value(rounding=ROUND_HALF_UP)) * unit
