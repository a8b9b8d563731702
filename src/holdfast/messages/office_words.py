"""What the office reads of messages that did not arrive: names, reasons, and what is wrong with the settings."""

from __future__ import annotations

NAMES = {
    "booking_confirmed": "confirmation",
    "booking_moved": "news of the change",
    "booking_cancelled": "cancellation",
    "booking_link": "link that was asked for",
    "payment_failed": "notice of the failed payment",
    "money_returned": "notice of the money returned",
    "booking_rescheduled": "news of the new time",
    "request_received": "receipt of the request",
    "request_declined": "news that the request was declined",
    "authorisation_lost": "news that the request could not be completed",
    "booking_started": "link that completes the booking",
    "reminder": "reminder",
    "note": "message written by hand",
    "opt_out_confirmed": "confirmation that no more SMS come",
    "help": "answer to HELP",
    "request_to_answer": "new request",
    "request_reminder": "reminder of the request",
    "request_withdrawn": "news that the request was withdrawn",
    "provider_booking_confirmed": "confirmation",
    "provider_booking_cancelled": "cancellation",
    "provider_booking_rescheduled": "news of the new time",
    "provider_sign_in": "link to sign in",
    "provider_authorisation_lost": "news that the request could not be completed",
}
# www.twilio.com/docs/api/errors: why an SMS that had left did not arrive.
WHY_NOT_DELIVERED = {
    "30003": "the phone is switched off or out of reach",
    "30004": "the number blocks our messages",
    "30005": "the number is not known",
    "30006": "it is a landline, or a network that cannot be reached",
    "30007": "the network filtered it",
}
CONFIGURATION_WORDS: dict[str, tuple[dict[str, str], str]] = {
    "email": (
        {
            "compose": "A message cannot be put into words",
            "auth": "The mail server refuses our log-in (SMTP_URL)",
            "sender": "The mail server refuses our sender address (MAIL_FROM or the tenant's own)",
            "tls": "No secure connection to the mail server is possible (SMTP_URL)",
            "recipient": "The mail server does not let us send to others (relaying; SMTP_URL)",
            "": "The mail server does not work with us",
        },
        "E-mails",
    ),
    "sms": (
        {
            "compose": "An SMS cannot be put into words",
            "settings": "SMS cannot be sent",
            "": "The SMS provider refuses us (TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM, the account itself)",
        },
        "SMS",
    ),
}


def why_not_delivered(code: str) -> str:
    return f"{WHY_NOT_DELIVERED.get(code, 'the network gives no reason')}{f' ({code})' if code else ''}"
