"""Options that several commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel="Output")]
Days = Annotated[int, typer.Option("--days", min=1, max=3660, help="How many days to look back.")]
OPERATOR = "operator"  # who the timeline says did what the command line did
