"""Who gets an SMS, and how many: they cost money, and a form that sends them is abused for money.

    a number of a mobile phone, or of one that cannot be told apart from it     else ValidationFailed
    in the tenant's `sms_countries` (empty: its own region)                      else ValidationFailed
    that has not opted out                                                       else OptedOut (409 `opted_out`)
    at most 5 an hour and 10 a day to a number, and 60 a minute by a key         else RateLimited
    as many segments a day as the tenant's `sms_daily_cap` says                  else RateLimited, and a task `sms_cap`

Counted from the rows of the outbox, in the transaction that adds the next one, under a lock on the number: a hundred calls at
once are refused like a hundred one after the other. The limits hold for what a program or a person starts; news of a booking that
exists (it was cancelled, money goes back) always goes, and there are only so many of those.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import phonenumbers
import structlog
from phonenumbers import PhoneNumber, PhoneNumberType

from holdfast.customers.rules import normalised_phone
from holdfast.database.connection import Connection
from holdfast.errors import OptedOut, RateLimited, ValidationFailed
from holdfast.ids import Ids
from holdfast.messages.rules import KINDS_TO_PROVIDERS
from holdfast.tasks.actions import close_task_about, open_task

Row = dict[str, Any]

TO_A_NUMBER_AN_HOUR = 5
TO_A_NUMBER_A_DAY = 10
BY_A_KEY_A_MINUTE = 60
SMS_CAP = "sms_cap"
MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.UNKNOWN})
WHAT_IT_IS = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.TOLL_FREE: "a freephone number",
    PhoneNumberType.SHARED_COST: "a service number",
    PhoneNumberType.UAN: "a service number",
    PhoneNumberType.VOIP: "an internet telephone",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a mailbox",
    PhoneNumberType.PERSONAL_NUMBER: "a redirection number",
}
NORTH_AMERICA = 1  # one calling code, twenty-five countries and as many prices

log = structlog.get_logger()


async def refuse_sms(
    conn: Connection, tenant: Row | int, phone: str, key_id: str | None, now: datetime
) -> str:
    """Says the number in E.164 when an SMS to it may be written in this transaction; `tenant` is its row or its id, `key_id` the
    program that asks. Locks the number of this tenant until the transaction ends.

    ValidationFailed: a landline, an impossible number, another country. OptedOut. RateLimited."""
    tenant_id = tenant if isinstance(tenant, int) else tenant["tenant_id"]
    row = await _limits_of(conn, tenant_id)
    number = reachable_number(phone, row["region"], row["sms_countries"])
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (f"sms:{tenant_id}:{number}",)
    )
    if await is_opted_out(conn, tenant_id, number):
        raise OptedOut("This number has asked for no more SMS; it gets them again when it sends START.")
    hour, day = await _to_number(conn, tenant_id, number, now)
    if hour >= TO_A_NUMBER_AN_HOUR or day >= TO_A_NUMBER_A_DAY:
        refused = RateLimited(
            f"This number was sent {hour} SMS within an hour and {day} within a day; more is refused for now."
        )
        refused.retry_after = 3600
        raise refused
    if key_id is not None and await _by_key(conn, key_id, now) >= BY_A_KEY_A_MINUTE:
        raise RateLimited(f"This key may start {BY_A_KEY_A_MINUTE} SMS a minute.")
    if await _used_today(conn, tenant_id, now) >= row["sms_daily_cap"]:
        refused = RateLimited("The limit on SMS of this day is reached.")
        refused.retry_after = 3600
        raise refused
    return number


def reachable_number(phone: str, region: str, countries: list[str]) -> str:
    """The number in E.164. `region` is where one without a country code lies, `countries` where SMS may go (empty: the region).
    Raises ValidationFailed with a sentence."""
    written = normalised_phone(phone, region)
    number = phonenumbers.parse(written)
    kind = phonenumbers.number_type(number)
    if kind not in MOBILE or _looks_like_a_landline(number, kind):
        what = WHAT_IT_IS.get(kind, "a landline")
        raise _refused(f"This is {what}; an SMS needs the number of a mobile phone.")
    if not _lies_in(number, countries or [region]):
        raise _refused("SMS are not sent to the country of this number.")
    return written


def _looks_like_a_landline(number: PhoneNumber, kind: int) -> bool:
    """Of a number that no list has yet: whether it begins as this country's landlines do, and not as its mobile phones."""
    if kind != PhoneNumberType.UNKNOWN:
        return False
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    first = {
        each: _first_digit(phonenumbers.example_number_for_type(region, each))
        for each in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
    }
    fixed, mobile = first[PhoneNumberType.FIXED_LINE], first[PhoneNumberType.MOBILE]
    return _first_digit(number) == fixed != mobile


def _first_digit(number: PhoneNumber | None) -> str:
    return phonenumbers.national_significant_number(number)[:1] if number else ""


def _lies_in(number: PhoneNumber, countries: list[str]) -> bool:
    """By country where a calling code has several prices, else by calling code: who kept a number on moving to an island is not
    abroad."""
    if number.country_code == NORTH_AMERICA:
        return phonenumbers.region_code_for_number(number) in countries
    return bool(set(phonenumbers.region_codes_for_country_code(number.country_code or 0)) & set(countries))


def _refused(sentence: str) -> ValidationFailed:
    return ValidationFailed(sentence, errors=[{"field": "mobile_number", "problem": sentence}])


async def is_opted_out(conn: Connection, tenant_id: int, phone: str) -> bool:
    found = await conn.execute(
        "SELECT FROM opt_outs WHERE tenant_id = %s AND phone = %s AND lifted_at IS NULL", (tenant_id, phone)
    )
    return await found.fetchone() is not None


async def may_get_sms(conn: Connection, tenant_id: int, phone: str) -> bool:
    """Whether news of a booking may go to this number: how many it got is not asked."""
    row = await _limits_of(conn, tenant_id)
    try:
        number = reachable_number(phone, row["region"], row["sms_countries"])
    except ValidationFailed:
        return False
    return row["sms_daily_cap"] > 0 and not await is_opted_out(conn, tenant_id, number)


async def watch_cap(conn: Connection, ids: Ids, now: datetime, tenant_id: int) -> bool:
    """Tells a person once when the day's SMS have reached the cap, and closes that when they have not. Says whether they have."""
    cap = (await _limits_of(conn, tenant_id))["sms_daily_cap"]
    used = await _used_today(conn, tenant_id, now)
    subject = f"tenant:{tenant_id}"
    if used < cap or not cap:
        await close_task_about(conn, now, SMS_CAP, subject, "worker")
        return False
    await open_task(
        conn,
        ids,
        now,
        kind=SMS_CAP,
        subject=subject,
        sentence=(
            f"SMS of this day have reached the limit of {cap} segments: bookings by SMS are refused until tomorrow. "
            "Look at Messages for who sends so many; raise sms_daily_cap if it is right."
        ),
        tenant_id=tenant_id,
        detail={"cap": cap},
    )
    log.error("sms_cap_reached", tenant_id=tenant_id, cap=cap, segments=used)
    return True


async def _limits_of(conn: Connection, tenant_id: int) -> Row:
    found = await conn.execute(
        "SELECT tenant_id, region, time_zone, sms_countries, sms_daily_cap FROM tenants WHERE tenant_id = %s",
        (tenant_id,),
    )
    row = await found.fetchone()
    assert row is not None  # tenants are never deleted
    return row


async def _to_number(conn: Connection, tenant_id: int, phone: str, now: datetime) -> tuple[int, int]:
    """How many SMS were written to it within an hour and a day; what a provider is told of requests is left out."""
    found = await conn.execute(
        """SELECT count(*) FILTER (WHERE created_at > %(hour)s) AS hour, count(*) AS day FROM messages
            WHERE recipient = %(phone)s AND tenant_id = %(tenant_id)s AND channel = 'sms' AND status <> 'suppressed'
              AND created_at > %(day)s AND NOT kind = ANY(%(kinds)s)""",
        {
            "phone": phone,
            "tenant_id": tenant_id,
            "hour": now - timedelta(hours=1),
            "day": now - timedelta(days=1),
            "kinds": sorted(KINDS_TO_PROVIDERS),
        },
    )
    row = await found.fetchone()
    return (row["hour"], row["day"]) if row else (0, 0)


async def answers_within_an_hour(conn: Connection, tenant_id: int, phone: str, now: datetime) -> int:
    """What this number was sent: two robots that answer each other end there."""
    return (await _to_number(conn, tenant_id, phone, now))[0]


async def _by_key(conn: Connection, key_id: str, now: datetime) -> int:
    found = await conn.execute(
        """SELECT count(*) AS n FROM messages m JOIN api_keys k USING (tenant_id)
            WHERE k.key_id = %s AND m.cause = 'staff:' || k.hint AND m.channel = 'sms' AND m.created_at > %s""",
        (key_id, now - timedelta(minutes=1)),
    )
    row = await found.fetchone()
    return int(row["n"]) if row else 0


async def _used_today(conn: Connection, tenant_id: int, now: datetime) -> int:
    """Segments since the tenant's midnight; what is not sent yet counts as one."""
    found = await conn.execute(
        """SELECT coalesce(sum(coalesce(m.segments, 1)), 0) AS used
             FROM tenants t JOIN messages m USING (tenant_id)
            WHERE t.tenant_id = %(tenant_id)s AND m.channel = 'sms' AND m.status <> 'suppressed'
              AND NOT (m.status = 'failed' AND m.sent_at IS NULL)
              AND m.created_at >= date_trunc('day', %(now)s::timestamptz AT TIME ZONE t.time_zone) AT TIME ZONE t.time_zone""",
        {"tenant_id": tenant_id, "now": now},
    )
    row = await found.fetchone()
    return int(row["used"]) if row else 0
