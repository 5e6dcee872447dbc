"""The decision on a resident's parking permit: the permit, the letter and the messages that carry them."""

from dataclasses import dataclass
from datetime import date, datetime

from adapters.musteramt import letters, notices, specialist
from adapters.musteramt.decisions import Decision, Outcome
from adapters.musteramt.papers import Correspondence
from adapters.musteramt.reading import Reading, read_parties, recipient
from adapters.musteramt.records import Document, Outgoing
from adapters.musteramt.rules import ParkingApplication, read_parking
from adapters.musteramt.statements import BERLIN
from adapters.musteramt.xml import Element, find_all, text
from gateway.contract.report import ReportType
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import (
    Attachment,
    Consent,
    Deadline,
    Disclosure,
    DisclosureKind,
    Remedy,
    Tenor,
)

_CONSENT = "elektronische-bekanntgabe"


@dataclass(frozen=True, slots=True)
class _Ruling:
    """One decision in the making; without a permit it refuses."""

    application: Reading
    parking: ParkingApplication
    correspondence: Correspondence
    decision: Decision
    permit: specialist.Permit | None

    @property
    def decided_on(self) -> date:
        return _day(self.correspondence.now)

    @property
    def remedy(self) -> Remedy:
        office = self.correspondence.office.name
        last_day = notices.remedy_deadline(self.decided_on)
        return Remedy(notices.remedy_instruction(office), Deadline(last_day, basis="§ 70 VwGO"), office)


def rule_on_parking(
    application: Reading, correspondence: Correspondence, decision: Decision
) -> list[Outgoing]:
    """Return the permit, where it is granted, and then the decision."""
    parking = read_parking(application.root)
    if decision.outcome is Outcome.REFUSED:
        return [_decide(_Ruling(application, parking, correspondence, decision, permit=None))]
    permit = _make_permit(application, parking, correspondence)
    return [
        correspondence.write(
            ReportType.CASE_MESSAGE,
            f"Bewohnerparkausweis {permit.number}",
            lambda head, reference: specialist.write_permit(head, reference, permit),
            [permit.document],
        ),
        _decide(_Ruling(application, parking, correspondence, decision, permit)),
    ]


def disclosure(application: Element) -> Disclosure:
    """Return how a decision is made known: electronically only with the applicant's consent.

    Source: § 41 Absatz 2a VwVfG, § 9 OZG
    """
    for node in find_all(application, "rahmen/einwilligung"):
        if text(node, "art/code") == _CONSENT:
            account = text(application, "rahmen/antwortkanal/art") == "nutzerkonto"
            given_at = datetime.fromisoformat(text(node, "zeitpunkt"))
            consent = Consent(_CONSENT, given_at, text(node, "textfassung"))
            return Disclosure(DisclosureKind.MAILBOX if account else DisclosureKind.RETRIEVAL, consent)
    return Disclosure(DisclosureKind.LETTER)


def sheet(application: Reading, correspondence: Correspondence) -> notices.Sheet:
    """Return what stands on every letter of the case."""
    return notices.Sheet(
        office=correspondence.office.name,
        aktenzeichen=correspondence.case.aktenzeichen,
        written_on=_day(correspondence.now),
        to=recipient(read_parties(application.root)),
    )


def _make_permit(
    application: Reading, parking: ParkingApplication, correspondence: Correspondence
) -> specialist.Permit:
    number = f"{correspondence.case.aktenzeichen}-1"
    letter = notices.parking_permit(sheet(application, correspondence), parking, number)
    return specialist.Permit(
        number=number,
        plate=parking.plate,
        zone=parking.zone,
        valid_from=parking.valid_from,
        valid_until=parking.valid_until,
        document=Document.pdf(f"Ausweis-{number}.pdf", letters.render(letter)),
    )


def _decide(ruling: _Ruling) -> Outgoing:
    decision, permit = ruling.decision, ruling.permit
    paper = _make_letter(ruling)
    attachments = [_attachment("BESCHEID", "Bescheid", "bescheid", paper)]
    if permit:
        attachments.append(_attachment("AUSWEIS", "Bewohnerparkausweis", "parkausweis", permit.document))
    return ruling.correspondence.write(
        ReportType.CASE_DECISION,
        f"Bescheid: {decision.outcome}" + (" (automatisiert)" if decision.basis else ""),
        lambda head, reference: rueckkanal.bescheid(
            head=head,
            reference=reference,
            tenor=Tenor.GRANTED if permit else Tenor.REJECTED,
            final=True,
            automated=decision.basis is not None,
            day=ruling.decided_on,
            subject="Bewohnerparkausweis",
            remedy=ruling.remedy,
            disclosure=disclosure(ruling.application.root),
            attachments=attachments,
            conditions=decision.conditions,
            reasons=decision.reasons or None,
        ),
        [paper, permit.document] if permit else [paper],
    )


def _make_letter(ruling: _Ruling) -> Document:
    letter = notices.parking_decision(
        sheet(ruling.application, ruling.correspondence),
        ruling.parking,
        operative=_operative_part(ruling.parking, ruling.permit),
        conditions=ruling.decision.conditions,
        reasons=ruling.decision.reasons,
        instruction=ruling.remedy.instruction,
        basis=ruling.decision.basis,
    )
    return Document.pdf(f"Bescheid-{ruling.correspondence.case.aktenzeichen}.pdf", letters.render(letter))


def _operative_part(parking: ParkingApplication, permit: specialist.Permit | None) -> str:
    if permit is None:
        return "Ihr Antrag auf einen Bewohnerparkausweis wird abgelehnt."
    period = f"{letters.german_date(parking.valid_from)} bis {letters.german_date(parking.valid_until)}"
    return (
        f"Ihrem Antrag wird entsprochen. Sie erhalten den Bewohnerparkausweis {permit.number} für das "
        f"Fahrzeug {parking.plate} in der Zone {notices.zone_text(parking)}. Er gilt vom {period}."
    )


def _attachment(key: str, title: str, kind: str, document: Document) -> Attachment:
    return Attachment(
        name=document.file_name,
        title=title,
        kind=kind,
        media_type=document.media_type,
        size=len(document.data),
        sha256=document.sha256,
        id=key,
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(BERLIN).date()
