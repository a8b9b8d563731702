"""`migrate`, `settings`, `keys`, `catalog`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Holdfast

CATALOG = """
tenant: {slug: default, name: The Small Hall, currency: GBP, time_zone: Europe/London}
events:
  - id: 35
    title: An evening
    starts_in_days: 35
    at: "19:30"
    units:
      - {label: Table 1, kind: table, capacity: 4, price: "85.00"}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG)
    return str(path)


def test_migrate_makes_the_schema_and_may_run_again(
    bare_holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    first, second = bare_holdfast("migrate", "--json"), bare_holdfast("migrate", "--json")
    assert first.code == second.code == 0
    assert first.json == second.json
    assert bare_holdfast("tasks").code == 0


def test_settings_hide_secrets_and_say_what_is_missing(
    bare_holdfast: Holdfast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "a very private sentence")
    ran = bare_holdfast("settings", "--json")
    assert ran.code == 1
    assert "private" not in ran.out + ran.err
    assert any("STRIPE_SECRET_KEY" in sentence for sentence in ran.json["missing"])


def test_a_catalogue_is_loaded_once_and_loading_it_again_changes_nothing(
    holdfast: Holdfast, catalog: str
) -> None:
    first, again = (
        holdfast("catalog", "load", catalog, "--json"),
        holdfast("catalog", "load", catalog, "--json"),
    )
    assert (first.code, again.code) == (0, 0)
    assert first.json["report"]["created"] == 1
    assert again.json["report"]["created"] == 0
    shown = holdfast("catalog", "show", "--json").json["events"]
    assert [(event["offering_id"], event["capacity"], event["taken"]) for event in shown] == [(35, 4, 0)]


def test_a_dry_run_changes_nothing(holdfast: Holdfast, catalog: str) -> None:
    ran = holdfast("catalog", "load", catalog, "--dry-run", "--json")
    assert ran.json["report"]["created"] == 1
    assert holdfast("catalog", "show", "--json").json == {"events": []}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tenant: [", "line 1"),
        ("- a list", "catalogue"),
        ("tenant: {slug: 'No Slug!'}", "slug"),
        ("{}", "tenant"),
    ],
)
def test_a_catalogue_that_is_none_is_refused_with_a_sentence(
    holdfast: Holdfast, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    ran = holdfast("catalog", "load", "bad.yaml")
    assert ran.code == 2
    assert says in ran.err


def test_a_file_that_is_not_there(holdfast: Holdfast) -> None:
    ran = holdfast("catalog", "load", "nowhere.yaml")
    assert (ran.code, ran.err) == (2, "holdfast: nowhere.yaml cannot be read: No such file or directory.\n")


def test_a_key_is_made_listed_and_revoked(holdfast: Holdfast, catalog: str) -> None:
    holdfast("catalog", "load", catalog)
    made = holdfast("keys", "create", "--scope", "bookings,door", "--name", "the door", "--json").json
    assert made["key"].startswith("hf_")
    assert made["scopes"] == ["bookings", "door"]
    listed = holdfast("keys", "list", "--json")
    assert made["key"] not in listed.out
    assert [key["name"] for key in listed.json["keys"]] == ["the door"]
    assert holdfast("keys", "revoke", made["key_id"]).code == 0
    assert holdfast("keys", "list", "--json").json["keys"][0]["revoked_at"] is not None
    assert holdfast("keys", "revoke", made["key_id"]).code == 1


def test_a_key_needs_a_tenant_and_a_known_scope(holdfast: Holdfast, catalog: str) -> None:
    assert holdfast("keys", "create", "--scope", "door").code == 1
    holdfast("catalog", "load", catalog)
    ran = holdfast("keys", "create", "--scope", "everything", "--json")
    assert (ran.code, ran.json["code"]) == (2, "validation_failed")


def test_a_key_that_speaks_for_one_provider(holdfast: Holdfast, tmp_path: Path) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(CATALOG + "providers:\n  - {id: 3, name: An expert}\n")
    assert holdfast("catalog", "load", str(path)).code == 0
    made = holdfast("keys", "create", "--scope", "provider", "--provider", "3", "--json")
    assert (made.code, made.json["provider_id"]) == (0, 3)
    assert holdfast("keys", "list", "--json").json["keys"][0]["provider_id"] == 3
    for unknown in ("4", "0", str(2**63), "x"):
        assert holdfast("keys", "create", "--scope", "provider", "--provider", unknown).code == 2
