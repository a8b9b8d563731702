"""The test cards that Stripe documents, and what happens to them. https://docs.stripe.com/testing"""

from dataclasses import dataclass

GENERIC_DECLINE = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    """Why a card was refused, in the words of https://docs.stripe.com/declines/codes"""

    code: str
    message: str
    decline_code: str | None = None


@dataclass(frozen=True)
class Card:
    """`later` is what follows a payment that went well: a dispute, or a refund that does not."""

    number: str
    what: str
    brand: str = "visa"
    decline: Decline | None = None
    needs_3ds: bool = False
    later: str | None = None

    @property
    def last4(self) -> str:
        return self.number[-4:]


CARDS = [
    Card("4242424242424242", "succeeds"),
    Card("5555555555554444", "succeeds (Mastercard)", brand="mastercard"),
    Card("378282246310005", "succeeds (American Express)", brand="amex"),
    Card(
        "4000000000000002",
        "is declined",
        decline=Decline("card_declined", GENERIC_DECLINE, "generic_decline"),
    ),
    Card(
        "4000000000009995",
        "is declined: insufficient funds",
        decline=Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds"),
    ),
    Card(
        "4000000000000069",
        "is declined: expired card",
        decline=Decline("expired_card", "Your card has expired.", "expired_card"),
    ),
    Card(
        "4000000000000127",
        "is declined: incorrect CVC",
        decline=Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc"),
    ),
    Card(
        "4000000000000119",
        "is declined: processing error",
        decline=Decline(
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
            "processing_error",
        ),
    ),
    Card("4000002500003155", "asks for 3-D Secure", needs_3ds=True),
    Card("4000002760003184", "asks for 3-D Secure on every payment", needs_3ds=True),
    Card("4000000000003220", "asks for 3-D Secure 2", needs_3ds=True),
    Card("4000000000000259", "succeeds and is disputed as fraudulent", later="dispute"),
    Card("4000000000005126", "succeeds; a refund of it fails later", later="refund_fails"),
    Card("4000000000007726", "succeeds; a refund of it is pending first", later="refund_pending"),
]
BY_NUMBER = {card.number: card for card in CARDS}

# https://docs.stripe.com/testing?testing-method=payment-methods
BY_TOKEN = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_authenticationRequired": "4000002500003155",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_threeDSecureRequired": "4000000000003220",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_pendingRefund": "4000000000007726",
}

NOT_A_TEST_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, "
    "visit: https://docs.stripe.com/testing.",
    "test_mode_live_card",
)
NOT_A_NUMBER = Decline("incorrect_number", "Your card number is incorrect.", "incorrect_number")


def card_of_number(number: str) -> Card:
    """The card of that number; an unknown one is a card that is declined."""
    digits = "".join(character for character in number if character.isdigit())
    if digits in BY_NUMBER:
        return BY_NUMBER[digits]
    decline = NOT_A_TEST_CARD if passes_luhn(digits) else NOT_A_NUMBER
    return Card(digits or "0000", "is no test card", decline=decline)


def passes_luhn(digits: str) -> bool:
    if not 12 <= len(digits) <= 19:
        return False
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0
