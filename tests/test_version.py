from __future__ import annotations

import re

from holdfast.settings import Settings
from holdfast.version import UNKNOWN, running_commit


def test_the_release_says_which_commit_it_is() -> None:
    assert running_commit(Settings(release_commit="abc123")) == "abc123"


def test_a_checkout_says_its_head() -> None:
    """Installed from an archive there is no checkout, and then it says so."""
    commit = running_commit(Settings())
    assert commit == UNKNOWN or re.fullmatch(r"[0-9a-f]{40,64}", commit)
