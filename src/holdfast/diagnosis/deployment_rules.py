"""What the facts of a deployment mean, line by line: green or red, with what to do next. Pure.

The facts are the document of `GET /api/admin/deployment`, so that a command on another machine judges what an installation
says of itself by the same words as the installation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from holdfast.laws.setup import Check

Facts = dict[str, Any]
Process = dict[str, Any]

SHORT = 12
LEAST_OF_A_COMMIT = 4
UNKNOWN_COMMIT = "unknown"
ROLES = ("web", "worker")


class State(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it was asked and could not be found out: never read as right (rule 7)
    NOT_ASKED = "not_asked"  # what it needs was not given


@dataclass(frozen=True)
class Line:
    """One sentence of the page. `next_step` is empty when there is nothing to do."""

    name: str
    state: State
    sentence: str
    next_step: str = ""

    def as_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


def line_of(check: Check) -> Line:
    return Line(check.name, State(check.state.value), check.sentence, check.next_step)


def same_commit(one: str, other: str) -> bool:
    """Either may be the beginning of the other, as people and pipelines shorten them; `unknown` is nobody's."""
    one, other = one.strip().lower(), other.strip().lower()
    if min(len(one), len(other)) < LEAST_OF_A_COMMIT or UNKNOWN_COMMIT in (one, other):
        return False
    return one.startswith(other) or other.startswith(one)


def judged(facts: Facts, expected: str | None = None) -> list[Line]:
    """Everything that an installation says of itself. `expected`: the commit that should run."""
    return [
        *process_lines(facts, expected),
        *_settings(facts["processes"]),
        *_addresses(facts["processes"]),
        *_sms(facts),
        *(
            Line(one["name"], State(one["state"]), one["sentence"], one["next_step"])
            for one in facts["stripe"]
        ),
    ]


def process_lines(facts: Facts, expected: str | None = None) -> list[Line]:
    """Which code runs: what a deployment waits for."""
    lines = [
        *_missing_roles(facts),
        *_releases(facts["processes"], expected),
        *_refused(facts["refused_starts"]),
        *_schema(facts),
        *_folders(facts["processes"]),
    ]
    return lines or [Line("processes", State.OK, _all_run(facts["processes"]))]


def _all_run(processes: list[Process]) -> str:
    first = processes[0]
    counted = " and ".join(
        _plural(sum(one["role"] == role for one in processes), f"{role} process", f"{role} processes")
        for role in ROLES
    )
    since = min(one["started_at"] for one in processes)
    return f"{_release(first)} runs on {counted}, since {short_time(since)}, with schema {first['schema']} as the database has."


def _missing_roles(facts: Facts) -> Iterator[Line]:
    running = {one["role"] for one in facts["processes"]}
    seen = {one["role"]: one for one in facts["last_seen"]}
    for role in ROLES:
        if role in running:
            continue
        last = seen.get(role)
        when = (
            f"the last sign of life was at {short_time(last['heartbeat_at'])}, from {last['host']}"
            if last
            else "none was ever started with this database"
        )
        command = "holdfast worker" if role == "worker" else "holdfast serve"
        step = f"Start `{command}`, and see to it that it is started again when it dies; its log says why it is not there."
        yield Line(f"{role}_alive", State.WRONG, f"No {role} process is alive: {when}.", step)


def _releases(processes: list[Process], expected: str | None) -> Iterator[Line]:
    """Against the commit that is expected, or else against the release that was started last."""
    if not processes:
        return
    newest = max(processes, key=lambda one: (one["started_at"], one["deployment_id"]))
    for role in ROLES:
        old = [
            one
            for one in processes
            if one["role"] == role
            and (
                not same_commit(one["commit"], expected)
                if expected
                else (one["version"], one["commit"]) != (newest["version"], newest["commit"])
            )
        ]
        if old:
            should = f"commit {expected[:SHORT]}" if expected else _release(newest)
            where = ", ".join(sorted({f"{one['host']} (pid {one['pid']})" for one in old}))
            since = short_time(min(one["started_at"] for one in old))
            what = " and ".join(sorted({_release(one) for one in old}))
            sentence = f"The {role} on {where} runs {what}, since {since}, and not {should}."
            yield Line(f"{role}_release", State.WRONG, sentence, f"Restart the {role} there on the new code.")


def _refused(refused: list[Facts]) -> Iterator[Line]:
    for one in refused:
        sentence = (
            f"The {one['role']} of {_release(one)} was started on {one['host']} at {short_time(one['at'])}"
            f" and refused: {one['why']}"
        )
        step = "Do what it says, then start it again: until then the code before it runs on, or none."
        yield Line("refused_start", State.WRONG, sentence, step)


def _schema(facts: Facts) -> Iterator[Line]:
    has = facts["schema"]["version"]
    for one in _one_of_each(facts["processes"], "schema"):
        if one["schema"] == has:
            continue
        sentence = f"The database has schema {has}, and the {one['role']} on {one['host']} is code for schema {one['schema']}."
        if one["schema"] < (has or 0):
            step = "It is old code on a newer schema: restart it on the release that belongs to the schema."
        else:
            step = "The migration did not run: stop it, run `holdfast migrate`, start it again."
        yield Line("schema", State.WRONG, sentence, step)


def _folders(processes: list[Process]) -> Iterator[Line]:
    for one in _one_of_each(processes, "code_on_disk"):
        if one["code_on_disk"] is None:
            continue
        since = short_time(one["code_on_disk_since"])
        sentence = (
            f"Commit {one['code_on_disk'][:SHORT]} lies in the folder on {one['host']} since {since},"
            f" and the {one['role']} (pid {one['pid']}) still runs {one['commit'][:SHORT]}."
        )
        yield Line(
            "code_on_disk", State.WRONG, sentence, "It was brought there and never started: restart it."
        )


def _settings(processes: list[Process]) -> Iterator[Line]:
    missing = {
        (one["role"], one["host"]): one["settings_missing"] for one in processes if one["settings_missing"]
    }
    for (role, host), names in sorted(missing.items()):
        verb = "is" if len(names) == 1 else "are"
        sentence = f"{' and '.join(names)} {verb} not set for the {role} on {host}."
        step = "Set it where that process gets its settings, and restart it; `holdfast settings` says what each is for."
        yield Line("settings", State.WRONG, sentence, step)
    if processes and not missing:
        yield Line("settings", State.OK, "Every setting that is needed to take money is set.")


def _addresses(processes: list[Process]) -> Iterator[Line]:
    """Links and callbacks that one process writes are answered by another: they must agree on where that is."""
    told = sorted({one["public_url"] for one in processes if one["public_url"]})
    if len(told) > 1:
        yield Line(
            "public_url",
            State.WRONG,
            f"The processes disagree on PUBLIC_URL: {', '.join(told)}.",
            "Give web and worker the same settings, and restart both.",
        )


def _sms(facts: Facts) -> Iterator[Line]:
    sms = facts["sms"]
    if not sms["configured"]:
        yield Line("sms", State.NOT_ASKED, "No SMS can be sent: the TWILIO settings are not set.")
        return
    if sms["unheard_of"]:
        taken = _plural(sms["unheard_of"], "SMS was", "SMS were")
        yield Line(
            "sms_callback",
            State.WRONG,
            f"{taken} taken by the provider this week and more than an hour ago, and not one receipt came to"
            f" {sms['callback_url']}.",
            "See whether the provider can reach that address, and whether TWILIO_AUTH_TOKEN is that of the account.",
        )
    else:
        yield Line("sms_callback", State.OK, f"The SMS provider is told to report to {sms['callback_url']}.")
    yield from _answers(sms)


def _answers(sms: Facts) -> Iterator[Line]:
    """Where STOP, HELP and everything else that people answer goes."""
    if "answers_problem" in sms:
        step = "Check the TWILIO settings there, and the way out to the provider."
        said = f"The SMS provider could not be asked where answers go: {sms['answers_problem']}."
        yield Line("sms_answers", State.UNKNOWN, said, step)
    elif "answers_unasked" in sms:
        said = "Where answers by SMS go was not asked: TWILIO_FROM is a messaging service, or a name that takes none."
        step = f"For a service, see its settings in the provider's console: {sms['answers_url']}."
        yield Line("sms_answers", State.NOT_ASKED, said, step)
    elif "answers_go_to" in sms:
        goes, should = sms["answers_go_to"], sms["answers_url"]
        if goes is None:
            step = "Set TWILIO_FROM to a number of the account, or to its messaging service."
            yield Line("sms_answers", State.WRONG, "The SMS account has no such number as TWILIO_FROM.", step)
        elif normal(goes) != normal(should):
            step = (
                f"In the provider's console, set {should} for messages that come in: a STOP must be obeyed."
            )
            yield Line(
                "sms_answers", State.WRONG, f"What people answer by SMS goes to {goes or 'nowhere'}.", step
            )
        else:
            yield Line("sms_answers", State.OK, f"What people answer by SMS goes to {should}.")


def address_line(url: str, facts: Facts) -> Line:
    """Whether what the installation believes to be its address is the one that was asked: Stripe, the SMS provider and guests
    are all sent there."""
    told = sorted({one["public_url"] for one in facts["processes"] if one["public_url"]}) or [
        facts["public_url"]
    ]
    wrong = [one for one in told if normal(one) != normal(url)]
    if wrong:
        return Line(
            "public_url",
            State.WRONG,
            f"The address asked is {url}, and the installation believes to be at {', '.join(wrong)}: links in messages and the"
            " callbacks of the SMS provider lead there.",
            "Set PUBLIC_URL to the public address and restart web and worker, or ask that address instead.",
        )
    return Line("public_url", State.OK, f"Links, and what the SMS provider reports, lead to {url}.")


def normal(url: str) -> str:
    """Addresses that lead to the same place are equal."""
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018  # reading it checks it
    except ValueError:
        return url
    port = "" if parts.port in {None, {"https": 443, "http": 80}.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}{parts.path.rstrip('/')}"


def _one_of_each(processes: Iterable[Process], what: str) -> list[Process]:
    return list({(one["role"], one["host"], one[what]): one for one in processes}.values())


def _release(one: Facts) -> str:
    return f"commit {str(one['commit'])[:SHORT]} (version {one['version']})"


def _plural(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def short_time(rfc3339: str) -> str:
    """2026-11-20T19:00:12.3Z as people read it."""
    return f"{rfc3339[:16].replace('T', ' ')} UTC"
