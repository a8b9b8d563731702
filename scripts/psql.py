"""psql on the embedded database of a data folder, for looking and for damaging on purpose.

    .venv/bin/python scripts/psql.py -c "SELECT status, count(*) FROM orders GROUP BY status"
    .venv/bin/python scripts/psql.py                            the prompt

HOLDFAST_DATA names the folder (default .holdfast). Whatever follows goes to psql. The server must be running.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from holdfast.database.embedded import DATABASE, EmbeddedPostgres


def main() -> None:
    server = EmbeddedPostgres(Path(os.environ.get("HOLDFAST_DATA") or ".holdfast"))
    if not server.is_running:
        raise SystemExit(f"No database runs in {server.data_folder}. Start the demo first: make demo")
    psql = server.bin_folder / "psql"
    os.execv(psql, [str(psql), server.url(DATABASE), *sys.argv[1:]])  # noqa: S606 - the wheel's own psql


if __name__ == "__main__":
    main()
