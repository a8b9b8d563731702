"""Settings: all that is wrong is said at once, in sentences, before anything starts."""

from __future__ import annotations

import pytest

from holdfast.errors import SettingsWrong
from holdfast.payments.foreign import NAMES, read_map
from holdfast.settings import FOREIGN_WORDS, load_settings


@pytest.mark.parametrize(
    "wrong", ["{bad", "[]", "7", '{"event": "show_id"}', '{"event": [1]}', '{"evening": ["show_id"]}']
)
def test_a_map_of_foreign_names_that_cannot_be_read_is_said_at_the_start(wrong: str) -> None:
    with pytest.raises(SettingsWrong, match="FOREIGN_METADATA_MAP: must be a JSON object of lists"):
        load_settings({"FOREIGN_METADATA_MAP": wrong}, dotenv=None)


def test_a_map_of_foreign_names_adds_to_the_names_that_are_known() -> None:
    settings = load_settings({"FOREIGN_METADATA_MAP": '{"event": ["show_id"]}'}, dotenv=None)
    assert read_map(settings.foreign_metadata_map)["event"] == (*NAMES["event"], "show_id")


def test_the_settings_know_all_the_words_of_the_map() -> None:
    assert set(FOREIGN_WORDS) == set(NAMES)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = {"HOLD_MINUTES": "half an hour", "PUBLIC_URL": "example.com", "STRIPE_SECRET_KEY": "pk_test_1"}
    with pytest.raises(SettingsWrong) as refused:
        load_settings(wrong, dotenv=None)
    assert [problem.split(":")[0] for problem in refused.value.extra["problems"]] == [
        "PUBLIC_URL",
        "HOLD_MINUTES",
        "STRIPE_SECRET_KEY",
    ]


def test_half_of_the_settings_for_sms_are_none() -> None:
    twilio = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_FROM": "+447700900000"}
    assert load_settings(twilio, dotenv=None).twilio_from == "+447700900000"
    assert load_settings({}, dotenv=None).twilio_from == ""
    for missing in twilio:
        with pytest.raises(SettingsWrong, match=f"{missing}: is not set, and SMS need it"):
            load_settings({**twilio, missing: ""}, dotenv=None)
