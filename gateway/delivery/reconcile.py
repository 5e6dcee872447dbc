"""The balance: whether everything that came in is somewhere, once, and something will wake it."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Select

from gateway.backchannel.docket import work_on
from gateway.backchannel.work import CaseWork
from gateway.config import Config
from gateway.contract.states import DeliveryState, Role
from gateway.store import SqlStore, balance, cases

NAMED = 20
"""How many ids of each kind of fault are named."""
REPAIRED = 10_000
"""How many submissions one repair mends at most."""

_log = structlog.get_logger()

_ENDED = (DeliveryState.ACCEPTED, DeliveryState.REFUSED, DeliveryState.CANCELLED)

_QUESTIONS = {
    "without_delivery": ("submissions go nowhere: no delivery will bring them to a destination", "repair"),
    "wrong_status": ("submissions have a status that their deliveries contradict", "repair"),
    "sent_without_lease": ("copies are in flight without a lease that would bring them back", "sweep"),
    "nobody_sends": ("deliveries wait for a destination that is not configured: redirect or cancel them", ""),
    "failed_unseen": ("deliveries have failed without a finding for an operator", "sweep"),
    "miscounted_attempts": ("deliveries count other attempts than were written down", ""),
    "lost_deliveries": ("deliveries were attempted and are not there", ""),
    "stray_deliveries": ("deliveries belong to no message of their case", ""),
    "doubled": ("messages go to one destination twice, or to two leads", ""),
    "ended_without_event": ("deliveries have ended and no event tells of it", ""),
    "miscounted_messages": ("cases have messages that are lost or numbered twice", ""),
    "miscounted_events": ("cases have events that are lost or numbered twice", ""),
    "homeless": ("messages belong to no case", ""),
    "without_content": ("messages have lost their content without being erased", ""),
    "unnumbered": ("messages to applicants are in no mailbox", ""),
    "gapped_mailboxes": ("clients have a mailbox with a gap or a double", ""),
    "overtaken_reports": ("reports are parked although their number is due or used", ""),
    "forgotten_wishes": ("actions of operators wait, and no delivery knows of them", ""),
}
"""What may be wrong, by the question in `gateway.store.balance`, and who mends it."""

_MENDED = {
    "repair": "`amtsbote reconcile --repair` mends it",
    "sweep": "the sweep of a running gateway mends it within a minute",
}


@dataclass(frozen=True, slots=True)
class Line:
    """The deliveries of one destination and tenant by state; `ended_by_event` counts them another way."""

    tenant: str
    destination: str
    states: dict[DeliveryState, int]
    ended_by_event: int

    @property
    def created(self) -> int:
        """How many there are."""
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        """How many have ended, by their state."""
        return sum(self.states[state] for state in _ENDED)

    @property
    def closes(self) -> bool:
        """Say whether state and events agree."""
        return self.ended == self.ended_by_event


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not add up: how often, and the first ids."""

    kind: str
    count: int
    ids: list[str]

    @property
    def sentence(self) -> str:
        """Say what is wrong and who mends it."""
        said, mended = _QUESTIONS[self.kind]
        return f"{self.count} {said}" + (f"; {_MENDED[mended]}" if mended else "")


@dataclass(frozen=True, slots=True)
class Balance:
    """What was counted; it closes when nothing is wrong."""

    lines: list[Line]
    faults: list[Fault] = field(default_factory=list)

    @property
    def closes(self) -> bool:
        """Say whether everything adds up."""
        return not self.faults and all(line.closes for line in self.lines)


async def reconcile(store: SqlStore, config: Config) -> Balance:
    """Count everything, in one snapshot beside whatever goes on."""
    async with store.read() as connection:
        await balance.take_snapshot(connection, store)
        lines = _lines(await balance.all_states(connection), await balance.ends_by_event(connection))
        faults = []
        for kind in _QUESTIONS:
            count, ids = await balance.ask(connection, _question(kind, config), limit=NAMED)
            if count:
                faults.append(Fault(kind, count, ids))
    return Balance(lines, faults)


def _question(kind: str, config: Config) -> Select[Any]:
    if kind == "nobody_sends":
        return balance.nobody_sends({each.name: each.tenant for each in config.destinations})
    question: Select[Any] = getattr(balance, kind)()
    return question


def _lines(states: Any, ended: Any) -> list[Line]:
    counts: dict[tuple[str, str], dict[DeliveryState, int]] = defaultdict(
        lambda: dict.fromkeys(DeliveryState, 0)
    )
    for row in states:
        counts[row.tenant, row.destination][DeliveryState(row.state)] = row.count
    events = {(row.tenant, row.destination): row.count for row in ended}
    keys = sorted(counts.keys() | events.keys())
    return [Line(tenant, name, counts[tenant, name], events.get((tenant, name), 0)) for tenant, name in keys]


async def repair(store: SqlStore, config: Config) -> list[str]:
    """Mend what can be mended: missing deliveries and wrong statuses; return the submissions it was."""
    mended = []
    for kind in ("without_delivery", "wrong_status"):
        async with store.read() as connection:
            _, found = await balance.ask(connection, _question(kind, config), limit=REPAIRED)
            rows = await balance.places(connection, found)
        for row in rows:
            if kind == "without_delivery":
                async with work_on(store, config, row.case_id, tenant=row.tenant) as work:
                    await _send_after_all(work, row.message_id)
            else:
                await _derive_status(store, row.case_id)
            _log.warning("submission_repaired", submission_id=row.message_id, case_id=row.case_id, kind=kind)
            mended.append(row.message_id)
    return mended


async def _send_after_all(work: CaseWork, message_id: str) -> None:
    """Make the deliveries that a submission should have had; whoever got it all the same looks it up."""
    case = work.case
    message = await balance.fetch_without_delivery(work.connection, message_id)
    roles = [(case.lead, Role.LEAD), *((name, Role.COPY) for name in case.copies)] if message else []
    for destination, role in roles:
        work.send_elsewhere(message, destination, look_up=True, role=role)
        work.record("delivery.recreated", message_id=message_id, destination=destination)


async def _derive_status(store: SqlStore, case_id: str) -> None:
    async with store.write() as connection:
        await cases.lock_all(connection, store, [case_id])
        now = await store.read_clock(connection)
        await cases.refresh_submissions(connection, store, {case_id}, now=now)
