"""The worker: runs every job of schedule.py until it is told to stop. Any number of workers may run, on any machines: each
claims its rows (SKIP LOCKED), none needs another, and one that is killed loses nothing, because the rows are the queue."""

from __future__ import annotations

import asyncio
import signal

import structlog

from holdfast.diagnosis.deployment_watch import watch_deployment
from holdfast.schedule import JOBS, Job
from holdfast.system import System
from holdfast.web.deployments import Watch, deployment

log = structlog.get_logger()

AFTER_TROUBLE_S = 2.0
STOP_WITHIN_S = 4.0


async def run_worker(
    system: System,
    *,
    stop: asyncio.Event | None = None,
    jobs: tuple[Job, ...] = JOBS,
    watch: Watch | None = watch_deployment,
) -> None:
    """Runs until SIGTERM or SIGINT, or until `stop` is set. Lets what is under way finish its step."""
    stop = stop or _stop_on_signals()
    async with deployment(system, "worker", watch):
        tasks = [asyncio.create_task(_run(system, job, stop), name=job.name) for job in jobs]
        log.info("worker_started", jobs=len(jobs))
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    log.info("worker_stopped")


async def _run(system: System, job: Job, stop: asyncio.Event) -> None:
    async with system.signals.hear(job.wake_on or "nothing:") as woken:
        while not stop.is_set():
            pause = await _once(system, job)
            if pause:
                await _first_of(pause, woken, stop)


async def _once(system: System, job: Job) -> float:
    """Runs the job once; how long to wait before the next time. Trouble is logged and tried again: a job never ends."""
    try:
        done = await job.run(system)
    except Exception:
        log.exception("job_failed", job=job.name)
        return AFTER_TROUBLE_S
    return 0 if done >= job.batch else job.every_s


async def _first_of(pause: float, woken: asyncio.Queue[str], stop: asyncio.Event) -> None:
    waits = [asyncio.create_task(woken.get()), asyncio.create_task(stop.wait())]
    await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    while not woken.empty():
        woken.get_nowait()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
