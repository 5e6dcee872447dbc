"""Ways in which a store could come to be wrong, by the kind of fault that `reconcile` gives each."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, select, update

from gateway.contract.ids import new_id
from gateway.store.tables import (
    actions,
    attempts,
    cases,
    counters,
    deliveries,
    events,
    findings,
    messages,
    payloads,
    reports,
)

_D, _M = deliveries.c, messages.c


def _one_delivery(**values: Any) -> Any:
    lowest = select(_D.delivery_id).order_by(_D.delivery_id).limit(1).scalar_subquery()
    return update(deliveries).where(_D.delivery_id == lowest).values(values)


def _wished(now: Any) -> Any:
    ids = {"action_id": new_id(), "case_id": new_id(), "delivery_id": new_id()}
    who = {"tenant": "musterstadt", "at": now, "operator": "a-kaya", "kind": "cancel", "outcome": "wished"}
    return insert(actions).values(**ids, **who)


def _parked(now: Any) -> Any:
    ids = {"report_id": new_id(), "case_id": new_id(), "destination": "musteramt-musterstadt"}
    what = {"tenant": "musterstadt", "type": "case.status", "case_sequence": 1, "state": "parked"}
    return insert(reports).values(**ids, **what, received_at=now, created_at=now)


DAMAGES: dict[str, Callable[[Any], Any]] = {
    "without_delivery": lambda _: delete(deliveries),
    "wrong_status": lambda _: update(messages).values(status="failed"),
    "sent_without_lease": lambda _: _one_delivery(state="sent", lease_until=None),
    "nobody_sends": lambda _: _one_delivery(state="waiting", destination="gone"),
    "failed_unseen": lambda _: delete(findings),
    "miscounted_attempts": lambda _: _one_delivery(attempt=7),
    "lost_deliveries": lambda now: insert(attempts).values(
        delivery_id=new_id(), attempt=1, tenant="musterstadt", sent_at=now
    ),
    "stray_deliveries": lambda _: _one_delivery(case_seq=9),
    "doubled": lambda _: update(deliveries).values(role="lead"),
    "ended_without_event": lambda _: delete(events).where(events.c.kind == "delivery.accepted"),
    "miscounted_messages": lambda _: update(cases).values(next_seq=cases.c.next_seq + 1),
    "miscounted_events": lambda _: delete(events).where(events.c.seq == 1),
    "homeless": lambda _: delete(cases),
    "without_content": lambda _: delete(payloads),
    "unnumbered": lambda _: update(messages).where(_M.position.is_not(None)).values(position=None),
    "gapped_mailboxes": lambda _: update(counters).values(value=counters.c.value + 1),
    "overtaken_reports": _parked,
    "forgotten_wishes": _wished,
}
"""Each damages a store in which one submission was accepted, one failed, and one message came back."""
