"""What becomes of a copy when it arrives: pure decisions over its row in the inbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.contract.delivery import Delivery
from gateway.contract.report import ReportType

MAX_STARTS = 5
"""So many starts without an outcome make a delivery a poison message."""


class InboxState(StrEnum):
    """Where a delivery stands in this adapter."""

    OPEN = "open"
    STARTED = "started"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Started:
    """The delivery is this worker's; `find_first` because an earlier start may have taken effect."""

    token: int
    find_first: bool


@dataclass(frozen=True, slots=True)
class Busy:
    """Another copy is in hand, here or in another process, until the lease ends or is renewed."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """There is an outcome; its report is sent again, under the copy's attempt where `reissue`."""

    outcome: ReportType
    reissue: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """The copy is of an earlier attempt than the one that was tried last."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The copy arrived too late to be started; the gateway's lease brings the delivery back."""


@dataclass(frozen=True, slots=True)
class Poisoned:
    """Too many starts without outcome."""

    starts: int


Claim = Started | Busy | Settled | Stale | Expired | Poisoned


def decide(row: Mapping[str, Any], delivery: Delivery, now: datetime, *, lost: bool = False) -> Claim:
    """Decide what becomes of a copy.

    Args:
        row: the delivery's row in the inbox, locked.
        delivery: the copy.
        now: the present.
        lost: a start may be this copy's own, which nobody heard of: it holds nothing up.
    """
    if row["state"] == InboxState.DONE:
        settled = _settled(row, delivery)
        if settled is not None:
            return settled
    if row["state"] == InboxState.STARTED and row["lease_until"] > now and not lost:
        return Busy(row["lease_until"]) if now < delivery.expires_at else Expired()
    if delivery.attempt < row["attempt"]:
        return Stale()
    if now >= delivery.expires_at:
        return Expired()
    if row["starts"] >= MAX_STARTS:
        return Poisoned(row["starts"])
    crashed = row["state"] == InboxState.STARTED
    return Started(row["token"] + 1, find_first=delivery.look_up or row["in_doubt"] or crashed)


def _settled(row: Mapping[str, Any], delivery: Delivery) -> Claim | None:
    """Return what an outcome means for a copy; None where the copy is a new try after a failure."""
    outcome = ReportType(row["outcome_type"])
    if outcome is ReportType.DELIVERY_ACCEPTED or delivery.attempt == row["attempt"]:
        return Settled(outcome)
    if delivery.attempt < row["attempt"]:
        return Stale()
    if outcome is ReportType.DELIVERY_REFUSED:
        # The gateway counts a refusal for the current attempt only; the authority does not decide twice.
        return Settled(outcome, reissue=True)
    return None
