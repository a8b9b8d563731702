"""docs/reference/errors.md: the tree of errors.py, and each error as callers meet it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import holdfast
from holdfast import errors
from holdfast.errors import HoldfastError

HEAD = """# Errors

Over HTTP every error is an RFC 9457 problem, `application/problem+json`: `type`, `title`, `status`, `detail` (a sentence for a
person, without personal data) and `code`, a word that does not change. Some carry more: `sold_out` says in `free` what
can still be had, `validation_failed` names the fields in `errors`, and `stripe_unavailable` while booking carries the hold that
was kept (`order_id`, `booking_id`, `reference`, `token`, `booking_url`). Problems with a `Retry-After` header may be asked
again after so many seconds, with the same `Idempotency-Key`.

On the command line the same errors are one sentence, or with `--json` the same document, and an exit code.

503 `stripe_unavailable` never means that a payment failed: it means that nobody knows yet. Do not pay again; ask again.

This page is written from `src/holdfast/errors.py` by `python -m scripts.generate_docs`.

```
{tree}
```

| status | code | title | retry after | exit |
|---|---|---|---|---|
"""


def page() -> str:
    _import_all()
    text = (errors.__doc__ or "").split("\n\n")
    tree = next(part for part in text if "HoldfastError" in part)
    rows = [
        f"| {one.status} | `{one.code}` | {one.title} | {f'{one.retry_after} s' if one.retry_after else ''} | {one.exit_code} |"
        for one in _one_a_code()
    ]
    shown = "\n".join(line.removeprefix("    ") for line in tree.splitlines())
    return HEAD.format(tree=shown) + "\n".join(rows) + "\n"


def _one_a_code() -> list[type[HoldfastError]]:
    """Where several share a status and a word, the one that the others refine."""
    found: dict[tuple[int, str], type[HoldfastError]] = {}
    for one in _all(HoldfastError):
        found.setdefault((one.status, one.code), one)
    return sorted(found.values(), key=lambda one: (one.status, one.code))


def _all(error: type[HoldfastError]) -> Iterator[type[HoldfastError]]:
    yield error
    for child in error.__subclasses__():
        yield from _all(child)


def _import_all() -> None:
    """A few errors are defined where they arise."""
    for module in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if not module.name.startswith("holdfast.sandbox") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
