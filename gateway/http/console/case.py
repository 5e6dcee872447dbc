"""One case: where it stands, where its messages went, and everything that happened, in order."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.contract.findings import Bilingual
from gateway.contract.ids import is_id
from gateway.errors import NotFound
from gateway.http.console.guard import Page, SignedIn
from gateway.http.console.overview import FINDINGS
from gateway.http.console.render import render
from gateway.http.console.words import word
from gateway.http.service import Service, service_of
from gateway.store import operators, reads
from gateway.store.findings import list_findings
from gateway.store.rows import Case

router = APIRouter(route_class=Page)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline; `number` is that of the message it is about."""

    at: datetime
    what: Bilingual
    number: int | None
    destination: str | None
    code: str | None
    attempt: int | None = None
    outcome: Bilingual | None = None
    took_s: float | None = None


@router.get("/console/cases/{case_id}")
async def get_case(request: Request, case_id: str, session: SignedIn) -> Response:
    """Show a case of one of the operator's tenants; another's is not found."""
    service = await service_of(request)
    tenants = session.tenants(service.config)
    if not is_id(case_id):
        raise NotFound
    async with service.store.read() as connection:
        case = await operators.fetch_case(connection, case_id, tenants=tenants)
        if case is None:
            raise NotFound
        of_case = {"case_id": case_id, "tenant": case.tenant}
        messages = await reads.case_messages(connection, **of_case)
        deliveries = await operators.case_deliveries(connection, **of_case)
        references = await reads.references(connection, **of_case)
        events = await reads.case_events(connection, **of_case)
        attempts = await operators.case_attempts(connection, **of_case)
        findings = await list_findings(connection, tenants=[case.tenant], limit=FINDINGS, case_id=case_id)
    return render(
        "case.html",
        session=session,
        case=case,
        names=_names(service, case),
        titles=_titles(service, messages),
        messages=messages,
        deliveries=deliveries,
        references=list(numbers(references)),
        foreign_ids=[each for each in references if each.kind == operators.FOREIGN_ID],
        timeline=list(timeline(messages, events, attempts)),
        findings=findings,
        more_findings=False,
    )


def numbers(references: Sequence[Any]) -> Iterator[Any]:
    """Choose the numbers a case is known by; a reference that only repeats the file number adds nothing."""
    file_numbers = {(each.destination, each.value) for each in references if each.kind == "aktenzeichen"}
    for each in references:
        repeated = each.kind == "reference" and (each.destination, each.value) in file_numbers
        if each.kind in operators.NUMBER_KINDS and not repeated:
            yield each


def timeline(messages: Sequence[Any], events: Sequence[Any], attempts: Sequence[Any]) -> Iterator[Entry]:
    """Join events and attempts by time; events among themselves keep their order."""
    numbers = {each.message_id: each.case_seq for each in messages}
    happened = [
        Entry(each.at, word("event", each.kind), numbers.get(each.message_id), each.destination, each.code)
        for each in events
    ]
    return heapq.merge(happened, map(_attempt, attempts), key=lambda entry: entry.at)


def _attempt(row: Any) -> Entry:
    return Entry(
        row.sent_at,
        Bilingual(de=f"Versuch {row.attempt} gesendet", en=f"attempt {row.attempt} sent"),
        row.case_seq,
        row.destination,
        None,
        row.attempt,
        word("outcome", row.outcome) if row.outcome else None,
        (row.ended_at - row.sent_at).total_seconds() if row.ended_at else None,
    )


def _names(service: Service, case: Case) -> dict[str, str]:
    """Name what the configuration knows; what it no longer knows is called by its id."""
    authority = service.config.authority.get(case.authority)
    leistung = service.config.service.get(case.service)
    return {
        "tenant": service.config.tenant[case.tenant].name,
        "authority": authority.name if authority else case.authority,
        "service": leistung.name if leistung else case.service,
        "service_en": leistung.name_en if leistung else "",
    }


def _titles(service: Service, messages: Sequence[Any]) -> dict[str, Bilingual]:
    """Name the message types that occur, by their ids."""
    wanted = {each.message_type for each in messages}
    return {each.id: each.title for each in service.catalogue.message_types if each.id in wanted}
