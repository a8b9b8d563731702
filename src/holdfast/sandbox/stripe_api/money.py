"""Currencies as Stripe takes them, and how a page shows an amount. https://docs.stripe.com/currencies"""

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split())
THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
SUPPORTED = (
    frozenset(
        "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop "
        "crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl hrk htg huf idr ils inr isk jmd kes "
        "kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab "
        "pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah "
        "uyu uzs wst xcd yer zar zmw".split()
    )
    | ZERO_DECIMAL
    | THREE_DECIMAL
)
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts (minor units)
MINIMUM = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
SIGNS = {"gbp": "£", "eur": "€", "usd": "$", "jpy": "¥", "inr": "₹"}


def exponent(currency: str) -> int:
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def minimum(currency: str) -> int:
    """The least that can be charged; an odd currency gets the smallest of the listed ones."""
    return MINIMUM.get(currency, 1)


def shown(amount: int, currency: str) -> str:
    """`4250 gbp` as a person reads it."""
    places = exponent(currency)
    whole, part = divmod(abs(amount), 10**places)
    digits = f"{whole:,}" + (f".{part:0{places}d}" if places else "")
    sign = SIGNS.get(currency)
    text = f"{sign}{digits}" if sign else f"{digits} {currency.upper()}"
    return f"-{text}" if amount < 0 else text
