"""The evidence pack of a dispute as one download: a page to print, the same as JSON, a text for each of Stripe's fields, a
document for each of its files. The same facts make the same bytes, so that two people who download it hold the same file."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from pydantic_core import to_json

from holdfast.bookings import words
from holdfast.database.connection import Connection
from holdfast.disputes import evidence, store
from holdfast.disputes.evidence import Section
from holdfast.disputes.evidence_words import Case
from holdfast.web.rendering import environment

MOST_MESSAGES = 100
MOST_ENTRIES = 400
MOST_REFUNDS = 100
LONG_AGO = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # the first time that a zip can say: no pack differs from another by its clock
READABLE_BY_ALL = 0o644 << 16
FILE_FIELDS = {
    "service_documentation": "What was agreed, who came, and everything that happened",
    "receipt": "What was ordered and paid, and the confirmation",
    "refund_policy": "The refund rules as they were agreed",
    "customer_communication": "Every message to the customer, and whether it arrived",
}

Row = dict[str, Any]


async def case_of(conn: Connection, tenant_id: int, dispute_id: str) -> Case | None:
    """All rows of a dispute, bounded; None when the tenant has no such dispute."""
    dispute = await store.dispute(conn, tenant_id, dispute_id)
    if dispute is None:
        return None
    order_id = dispute["order_id"]
    agreement = await store.agreement(conn, order_id)
    entries = await store.timeline(conn, order_id, MOST_ENTRIES)
    return Case(
        dispute=dispute,
        agreement=agreement,
        lines=await store.lines(conn, order_id),
        payments=await store.payments(conn, order_id),
        refunds=await store.refunds(conn, order_id, MOST_REFUNDS),
        messages=await store.messages(conn, agreement["booking_id"], MOST_MESSAGES),
        timeline=[
            {**told, "what": entry["what"]}
            for told, entry in zip(
                words.staffs_story(entries, agreement["currency"], agreement["locale"]), entries, strict=True
            )
        ],
    )


def packed(case: Case) -> bytes:
    """The zip. Deterministic: sorted names, one time, one level of compression."""
    texts = evidence.fields(case)
    sections = evidence.sections(case)
    files = {
        "README.txt": _read_me(case, texts),
        "evidence.html": _page("Evidence", case, sections),
        "evidence.json": to_json(evidence.as_json(case), indent=2).decode() + "\n",
        **{f"fields/{name}.txt": text + "\n" for name, text in texts.items()},
        **{
            f"documents/{name}.html": _page(title, case, [one for one in sections if name in one.fields])
            for name, title in FILE_FIELDS.items()
        },
    }
    return _zipped(files)


def file_name(case: Case) -> str:
    return f"evidence-{case.agreement['reference']}-{case.dispute['dispute_id']}.zip"


def _page(title: str, case: Case, sections: list[Section]) -> str:
    template = environment().get_template("disputes/evidence.html")
    return template.render(title=title, case=case, sections=sections, locale="en_GB")


def _read_me(case: Case, texts: dict[str, str]) -> str:
    due = case.dispute["evidence_due"]
    until = (
        f"Stripe takes evidence until {due:%-d %B %Y, %H:%M} UTC." if due else "Stripe has named no deadline."
    )
    return "\n".join(
        [
            f"Evidence for the dispute {case.dispute['dispute_id']} of booking {case.agreement['reference']}",
            "",
            until,
            "Read evidence.html first, and leave out what does not help: what is sent cannot be changed afterwards.",
            "",
            "Texts to paste into the fields of the same name:",
            *(f"  fields/{name}.txt" for name in sorted(texts)),
            "",
            "Documents to upload: open each in a browser and print it as a PDF.",
            *(f"  documents/{name}.html: {title}" for name, title in sorted(FILE_FIELDS.items())),
            "",
        ]
    )


def _zipped(files: dict[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever it is made on
            entry.external_attr = READABLE_BY_ALL
            archive.writestr(entry, files[name].encode())
    return held.getvalue()
