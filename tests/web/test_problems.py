"""The shape of a problem document (RFC 9457)."""

from __future__ import annotations

from holdfast.errors import Conflict
from holdfast.web.problems import problem_document


def test_what_is_told_besides_never_takes_the_place_of_its_own_members() -> None:
    told = problem_document(Conflict("No.", status="confirmed", booking_status="confirmed"))
    assert (told["status"], told["detail"], told["booking_status"]) == (409, "No.", "confirmed")
