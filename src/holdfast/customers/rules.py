"""What an e-mail address and a telephone number are, and the one way each is written."""

from __future__ import annotations

import re

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from holdfast.errors import ValidationFailed

LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of them are brackets
LONGEST_PHONE = 40
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def normalised_email(text: str) -> str:
    """Lower case, without spaces around it. Raises ValidationFailed. Whether it exists is not asked: a guest does not wait
    for a name server, and a message that cannot be delivered is found by its outcome."""
    if len(text) > LONGEST_EMAIL:
        raise _refused("email", f"An e-mail address has at most {LONGEST_EMAIL} characters.")
    try:
        checked = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as problem:
        raise _refused("email", f"This is not an e-mail address: {_sentence(problem)}") from None
    return checked.normalized.lower()


def normalised_phone(text: str, region: str) -> str:
    """E.164: 07700 900123 in GB and +447700900123 are one number. Raises ValidationFailed. Numbers that are possible are
    taken even where no operator has them yet: ranges are handed out faster than their list is published."""
    try:
        number = phonenumbers.parse(text.strip()[: LONGEST_PHONE + 1], region)
    except phonenumbers.NumberParseException:
        raise _refused("phone", "This is not a telephone number.") from None
    possible = (
        phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    )
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(text.strip()) > LONGEST_PHONE or not possible or number.extension or not E164.fullmatch(written):
        raise _refused(
            "phone", "This is not a telephone number that can be called; write it with its country code."
        )
    return written


def _refused(field: str, sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, errors=[{"field": f"customer.{field}", "problem": sentence}])


def _sentence(problem: Exception) -> str:
    """Without the address itself, which it may quote."""
    text = str(problem)
    return (
        text
        if "'" not in text and '"' not in text and "@" not in text.replace("@-sign", "")
        else "it is malformed."
    )
