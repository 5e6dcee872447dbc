"""The standards: which versions there are, until when each is taken, and which clients still send it."""

import datetime
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.findings import Bilingual
from gateway.domain.calendar import last_days, today
from gateway.http.console.guard import Page, SignedIn
from gateway.http.console.render import german_date, render
from gateway.http.service import service_of
from gateway.standards import Catalogue, Standard
from gateway.standards.phase import Phase, phase
from gateway.store.standards import Sent, add_up, sent_on

SENT_DAYS = 30
"""How far is looked back for who sends a version."""
COUNT_FOR_S = 2.0
"""Where that takes longer, the days that were counted are shown; the next look goes on from there."""

_LEAVING = frozenset({Phase.ENDING, Phase.GRACE})

router = APIRouter(route_class=Page)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a standard, where it stands today, and who has sent it lately."""

    standard: Standard
    phase: Phase
    senders: Sequence[Sent]

    @property
    def leaving(self) -> bool:
        """Say whether it ends soon, or is only taken with a warning."""
        return self.phase in _LEAVING


@dataclass(frozen=True, slots=True)
class Counted:
    """Who has sent what, and the first day that was counted."""

    since: datetime.date
    sent: Sequence[Sent]


class Tally:
    """Counts who has sent which version lately, a day at a time.

    What a past day has seen does not change, and is counted once by each process for each choice of tenants:
    today and yesterday are counted anew, as a commit may come in just after midnight.
    """

    def __init__(self) -> None:
        self._past: dict[tuple[str, ...], dict[datetime.date, list[Sent]]] = {}

    async def count(self, connection: AsyncConnection, *, tenants: Sequence[str]) -> Counted:
        """Count back from today, as many days as there is time for."""
        days, key = last_days(today(), SENT_DAYS), tuple(tenants)
        past = {day: sent for day, sent in self._past.get(key, {}).items() if day in days}
        self._past[key] = past
        counts = [sent for day in days[:2] for sent in await sent_on(connection, day, tenants=tenants)]
        since, until = days[1], time.monotonic() + COUNT_FOR_S
        for day in days[2:]:
            if day not in past:
                if time.monotonic() > until:
                    break
                past[day] = await sent_on(connection, day, tenants=tenants)
            counts += past[day]
            since = day
        return Counted(since, add_up(counts))


def tally_of(request: Request) -> Tally:
    """Return the counts of the application that answers this request."""
    tally: Tally = request.app.state.tally
    return tally


def leaves_soon(catalogue: Catalogue) -> bool:
    """Say whether any version ends soon, or is only taken with a warning."""
    return any(phase(each.manifest, today()) in _LEAVING for each in catalogue.standards)


def versions(catalogue: Catalogue, sent: Iterable[Sent]) -> list[Version]:
    """Join each version with its senders; first those that end soon or are only taken with a warning."""
    senders: dict[tuple[str, str], list[Sent]] = {}
    for each in sent:
        senders.setdefault((each.standard, each.version), []).append(each)
    found = [
        Version(
            each,
            phase(each.manifest, today()),
            senders.get((each.manifest.standard, each.manifest.version), ()),
        )
        for each in catalogue.standards
    ]
    return sorted(found, key=lambda version: not version.leaving)


def sentence(version: Version) -> Bilingual:
    """Say how many clients still send a version that will not be taken for long, and how long it will be."""
    manifest, count = version.standard.manifest, len(version.senders)
    name, until = f"{manifest.standard} {manifest.version}", german_date(manifest.valid_until)
    german = f"{count} {'Client sendet' if count == 1 else 'Clients senden'} noch {name}, das am {until}"
    english = f"{count} {'client still sends' if count == 1 else 'clients still send'} {name}, which"
    if version.phase is Phase.ENDING:
        return Bilingual(de=f"{german} endet.", en=f"{english} ends on {until}.")
    grace = german_date(manifest.grace_until)
    return Bilingual(
        de=f"{german} endete und nur noch bis {grace} mit Warnung angenommen wird.",
        en=f"{english} ended on {until} and is taken with a warning until {grace} only.",
    )


@router.get("/console/standards")
async def get_standards(request: Request, session: SignedIn) -> Response:
    """Show every version, and who has sent it to the operator's tenants."""
    service = await service_of(request)
    async with service.store.read() as connection:
        counted = await tally_of(request).count(connection, tenants=session.tenants(service.config))
    return render(
        "standards.html",
        session=session,
        fault=service.catalogue.fault,
        versions=versions(service.catalogue, counted.sent),
        sent_days=SENT_DAYS,
        counted_since=counted.since,
        all_counted=counted.since == last_days(today(), SENT_DAYS)[-1],
    )
