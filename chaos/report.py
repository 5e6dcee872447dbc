"""What a run prints: its balance, and the histories of what was violated."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

from chaos.checker import EFFECT, REFUSED, Violation
from chaos.history import History
from chaos.plan import Kind, Plan
from chaos.portal import Client
from chaos.town import Town

_SHOWN = 10
_LOG_LINES = 40


def balance(
    plan: Plan,
    history: History,
    faults: Mapping[Kind, int],
    acts: Mapping[str, int],
    town: Town,
    load_s: float,
    settle_s: float,
) -> str:
    """Return what was sent, what became of it, and what was done to it, on a few lines."""
    receipts = history.receipts()
    answered = {send.message_id for send in history.sends if not send.is_open}
    starts = {process.name: process.starts for process in town.processes.values()}
    effects = history.lines(EFFECT)
    what = Counter(line.what for line in history.book)
    rows = [
        ("seed", plan.seed),
        ("messages sent", f"{len(history.messages)} in {len(history.sends)} requests"),
        ("  receipted", len(receipts)),
        ("  refused by the gateway", len(answered - receipts.keys())),
        ("  without an answer, given up", len(history.messages.keys() - answered)),
        ("in the register", sum(map(len, effects.values()))),
        ("  of these without a receipt", len(effects.keys() - receipts.keys())),
        ("refused by the office", what[REFUSED]),
        ("found by look-up", what["found"]),
        ("late reports", what["reported late"]),
        ("in the DMS", len(history.filed)),
        ("in the mailbox", len(history.mailbox)),
        ("  of these decisions", sum(each.is_decision for each in history.mailbox)),
        ("mishaps in the register", _counted(_mishaps(what))),
        ("faults", f"{sum(faults.values())}: {_counted(faults)}"),
        ("acts of the operator", _counted(acts)),
        ("starts", ", ".join(f"{name} {count}" for name, count in starts.items())),
        ("load", f"{load_s:.0f} s, {len(receipts) / load_s:.0f} receipts/s; settled {settle_s:.0f} s later"),
    ]
    return "\n".join(f"{name + ':':<32}{value}" for name, value in rows)


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in sorted(counts.items()))


def _mishaps(what: Counter[str]) -> dict[str, int]:
    return {
        name.removeprefix("mishap: "): count for name, count in what.items() if name.startswith("mishap: ")
    }


async def histories(history: History, violations: list[Violation], town: Town, client: Client) -> str:
    """Return every violation, and for the first of each kind all that is known of its ids."""
    counts = Counter(each.kind for each in violations)
    lines = [f"\n{len(violations)} VIOLATIONS: " + ", ".join(f"{n} × {kind}" for kind, n in counts.items())]
    told: Counter[str] = Counter()
    for violation in violations:
        if told[violation.kind] < _SHOWN:
            lines.append(f"{violation.kind}: {violation.sentence} {' '.join(violation.ids)}")
        if told[violation.kind] < 2:
            lines += [f"    {line}" for line in await _story(violation, history, town, client)]
        told[violation.kind] += 1
    return "\n".join(lines)


async def _story(violation: Violation, history: History, town: Town, client: Client) -> list[str]:
    ids = set(violation.ids)
    for send in history.sends:
        if {send.message_id, send.submission_id, send.case_id} & ids:
            ids |= {each for each in (send.message_id, send.submission_id) if each}
    for line in history.book:
        if {line.message_id, line.submission_id} & ids:
            ids |= {line.message_id, line.submission_id, line.case_id}
    story = [f"sent      {send}" for send in history.sends if {send.message_id, send.submission_id} & ids]
    story += [f"book      {line}" for line in history.book if {line.message_id, line.submission_id} & ids]
    story += [f"filed     {each}" for each in history.filed if each.submission_id in ids]
    story += [
        f"mailbox   {number}: {letter}"
        for number, letter in enumerate(history.mailbox)
        if {letter.message_id, letter.about, letter.case_id} & ids
    ]
    for submission_id in sorted(ids & {send.submission_id for send in history.sends}):
        story += [f"API       {line}" for line in await _events(client, submission_id)]
    story += list(_logged(town, {each for each in ids if each}))
    return story


async def _events(client: Client, submission_id: str) -> list[str]:
    try:
        view = (await client.get(f"/v1/submissions/{submission_id}")).json()
        events = (await client.get(f"/v1/submissions/{submission_id}/events")).json()
    except (httpx2.HTTPError, ValueError) as error:
        return [f"{submission_id}: {type(error).__name__}"]
    return [
        f"{submission_id}: {view.get('status')} {view.get('deliveries')}",
        *(json.dumps(each) for each in events.get("events", [])),
    ]


def _logged(town: Town, ids: set[str]) -> Iterator[str]:
    for process in town.processes.values():
        found = [line for line in process.printed().splitlines() if any(each in line for each in ids)]
        yield from (f"{process.name:<10}{line}" for line in found[:_LOG_LINES])
