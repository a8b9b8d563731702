"""In which language a message speaks, and the pieces of it that no template holds.

The tenant's locale chooses: de_DE, de_AT and the like read German, everybody else English; dates and sums are always written as
the locale has them. English templates lie in templates/mail and templates/sms, other languages' under the same names in a
folder of their own (templates/de/mail). A further language is that folder, one `Phrases` and one line of LANGUAGES.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

ENGLISH, GERMAN = "en", "de"
# What staff read of them, in the order of the pages.
LANGUAGES = MappingProxyType({ENGLISH: "English", GERMAN: "German"})
# The locale in which a preview speaks another language than the tenant's own.
LOCALES = MappingProxyType({ENGLISH: "en_GB", GERMAN: "de_DE"})


def language_of(locale: str) -> str:
    """Of a locale's name, such as de_AT or de-CH."""
    language = locale.replace("-", "_").partition("_")[0].lower()
    return language if language in LANGUAGES else ENGLISH


def path_of(language: str, template: str) -> str:
    """Where the words of a template such as mail/reminder.txt lie."""
    return template if language == ENGLISH else f"{language}/{template}"


@dataclass(frozen=True)
class Phrases:
    """Pieces that are put together in Python; `subjects` by kind of message."""

    guest: str
    moment: str
    short_moment: str  # for Babel, of an SMS
    card: str
    any_card: str
    any_time: str
    no_refund: str
    by_then: str
    everything: str
    a_share: str
    after_that: str
    before: str
    time_is_free: str
    into_calendar: str
    with_whom: str
    free: str
    subjects: MappingProxyType[str, str]


IN_ENGLISH = Phrases(
    guest="guest",
    moment="{day}, {hour} {zone}",
    short_moment="EEE d MMM HH:mm",
    card="{brand} ending {last4}",
    any_card="Card",
    any_time="You can cancel at any time with the link to your booking.",
    no_refund="It can no longer be cancelled with a refund.",
    by_then="If you cancel by {until}, you get back {back}.",
    everything="everything you paid ({sum})",
    a_share="{percent}% ({sum})",
    after_that="After that, nothing is refunded.",
    before="Before, it was {before}.",
    time_is_free="The time is free again.",
    into_calendar="The attached calendar file puts it into your calendar.",
    with_whom="{title} with {provider}",
    free="free",
    subjects=MappingProxyType(
        {
            "booking_started": "Finish your booking: {title} ({reference})",
            "booking_confirmed": "Your booking is confirmed: {title} ({reference})",
            "booking_moved": "New date or place: {title} ({reference})",
            "booking_cancelled": "Your booking is cancelled: {title} ({reference})",
            "booking_link": "The link to your booking: {title} ({reference})",
            "payment_failed": "Your payment did not go through: {title} ({reference})",
            "money_returned": "We are sending money back to you ({reference})",
            "booking_rescheduled": "New time: {title} ({reference})",
            "reminder": "See you soon: {title} ({reference})",
            "note": "About your booking: {title} ({reference})",
            "request_received": "We have your request: {title} ({reference})",
            "request_declined": "Your request ended: {title} ({reference})",
            "authorisation_lost": "Your request could not be completed: {title} ({reference})",
            "request_to_answer": "New request: {title} ({reference})",
            "request_reminder": "Still waiting for your answer: {title} ({reference})",
            "request_withdrawn": "Request withdrawn: {title} ({reference})",
            "provider_booking_confirmed": "Booked: {title} ({reference})",
            "provider_booking_cancelled": "Cancelled: {title} ({reference})",
            "provider_booking_rescheduled": "New time: {title} ({reference})",
            "provider_authorisation_lost": "Request could not be completed: {title} ({reference})",
            "provider_sign_in": "Sign in to your requests at {tenant}",
        }
    ),
)
IN_GERMAN = Phrases(
    guest="Gast",
    moment="{day}, {hour} Uhr {zone}",
    short_moment="EEE d. MMM HH:mm",
    card="{brand} mit den Endziffern {last4}",
    any_card="Karte",
    any_time="Sie können jederzeit über den Link zu Ihrer Buchung stornieren.",
    no_refund="Eine Stornierung mit Erstattung ist nicht mehr möglich.",
    by_then="Wenn Sie bis {until} stornieren, erhalten Sie {back} zurück.",
    everything="den gesamten Betrag ({sum})",
    a_share="{percent}\u00a0% ({sum})",
    after_that="Danach wird nichts mehr erstattet.",
    before="Bisher war es {before}.",
    time_is_free="Der Termin ist wieder frei.",
    into_calendar="Mit der angehängten Kalenderdatei übernehmen Sie den Termin in Ihren Kalender.",
    with_whom="{title} mit {provider}",
    free="kostenlos",
    subjects=MappingProxyType(
        {
            "booking_started": "Schließen Sie Ihre Buchung ab: {title} ({reference})",
            "booking_confirmed": "Ihre Buchung ist bestätigt: {title} ({reference})",
            "booking_moved": "Neuer Termin oder Ort: {title} ({reference})",
            "booking_cancelled": "Ihre Buchung ist storniert: {title} ({reference})",
            "booking_link": "Der Link zu Ihrer Buchung: {title} ({reference})",
            "payment_failed": "Ihre Zahlung hat nicht geklappt: {title} ({reference})",
            "money_returned": "Sie bekommen Geld zurück ({reference})",
            "booking_rescheduled": "Neuer Termin: {title} ({reference})",
            "reminder": "Bis bald: {title} ({reference})",
            "note": "Zu Ihrer Buchung: {title} ({reference})",
            "request_received": "Ihre Anfrage ist da: {title} ({reference})",
            "request_declined": "Ihre Anfrage ist beendet: {title} ({reference})",
            "authorisation_lost": "Ihre Anfrage konnte nicht abgeschlossen werden: {title} ({reference})",
            "request_to_answer": "Neue Anfrage: {title} ({reference})",
            "request_reminder": "Wartet noch auf Ihre Antwort: {title} ({reference})",
            "request_withdrawn": "Anfrage zurückgezogen: {title} ({reference})",
            "provider_booking_confirmed": "Gebucht: {title} ({reference})",
            "provider_booking_cancelled": "Storniert: {title} ({reference})",
            "provider_booking_rescheduled": "Neuer Termin: {title} ({reference})",
            "provider_authorisation_lost": "Anfrage konnte nicht abgeschlossen werden: {title} ({reference})",
            "provider_sign_in": "Anmeldung zu Ihren Anfragen bei {tenant}",
        }
    ),
)
# What is written down in English where it happens, and said of it in German. The first part of a sentence that fits counts.
SENTENCES_IN_GERMAN = MappingProxyType(
    {
        "Too close to the start: nothing goes back.": "So kurz vor dem Beginn wird nichts erstattet.",
        "All of it went back already.": "Der gesamte Betrag wurde bereits erstattet.",
        "Nothing was paid.": "Es wurde nichts bezahlt.",
        "Your card was not charged.": "Ihre Karte wurde nicht belastet.",
        "We could not make this booking work.": "Wir konnten diese Buchung leider nicht ermöglichen.",
        "The payment is disputed, so the bank decides about the money and nothing goes back from here.": (
            "Die Zahlung wird angefochten: Die Bank entscheidet über das Geld, von hier wird nichts erstattet."
        ),
        "It was moved at short notice of its time before: 0% goes back, as it would have then.": (
            "Der Termin wurde kurzfristig verlegt: Wie beim früheren Termin wird nichts erstattet."
        ),
    }
)


def in_their_language(sentence: str, language: str) -> str:
    """A word for a reason (late, surplus) stays as it is, and so does what a person added; a sentence that has no German is
    left out there, so that the template's own stands in its place."""
    if language == ENGLISH or " " not in sentence:
        return sentence
    for english, german in SENTENCES_IN_GERMAN.items():
        if sentence.startswith(english):
            return german + sentence.removeprefix(english)
    return ""


PHRASES = MappingProxyType({ENGLISH: IN_ENGLISH, GERMAN: IN_GERMAN})
