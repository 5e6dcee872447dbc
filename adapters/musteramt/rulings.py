"""How each kind of case ends: which messages and which documents a decision is made of.

What closes the case comes last, so that everything else is there when it is closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from adapters.musteramt import letters, notices, specialist
from adapters.musteramt.dossier import Dossier
from adapters.musteramt.papers import Correspondence
from adapters.musteramt.reading import Reading, read_parties, recipient
from adapters.musteramt.records import Document, Outgoing, Subject
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
    ResultKind,
    Tenor,
)

_FEE_PER_CERTIFICATE = Decimal("12.00")
_CONSENT = "elektronische-bekanntgabe"


class Outcome(StrEnum):
    """How a case can end."""

    GRANTED = "bewilligt"
    REFUSED = "abgelehnt"
    ISSUED = "ausgestellt"
    NOT_FOUND = "nichtGefunden"
    NOT_ENTITLED = "nichtBerechtigt"
    CERTIFIED = "bescheinigt"
    DONE = "erledigt"

    @property
    def needs_reasons(self) -> bool:
        """Say whether it must be explained to the applicant."""
        return self in {Outcome.REFUSED, Outcome.NOT_FOUND, Outcome.NOT_ENTITLED, Outcome.DONE}


OUTCOMES = {
    Subject.PARKING: (Outcome.GRANTED, Outcome.REFUSED),
    Subject.CERTIFICATE: (Outcome.ISSUED, Outcome.NOT_FOUND, Outcome.NOT_ENTITLED),
    Subject.TRADE: (Outcome.CERTIFIED,),
    Subject.OTHER: (Outcome.DONE,),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided. `basis` is the legal basis of an automated decision, None where a person decided."""

    outcome: Outcome
    reasons: str = ""
    conditions: tuple[str, ...] = ()
    basis: str | None = None


def compose(dossier: Dossier, correspondence: Correspondence, decision: Decision) -> Sequence[Outgoing]:
    """Return the reports that carry out a decision.

    Raises:
        ValueError: the outcome does not fit the case, or a text cannot be transmitted.
    """
    application, subject = dossier.application, dossier.case.subject
    if decision.outcome not in OUTCOMES[subject]:
        raise ValueError(f"outcome: {decision.outcome} does not end a case of kind {subject}")
    if subject is Subject.OTHER or application is None:
        return [_closing(correspondence, ResultKind.DONE, decision.reasons)]
    ruling = {Subject.PARKING: _parking, Subject.CERTIFICATE: _certificate, Subject.TRADE: _trade}[subject]
    return ruling(application, correspondence, decision)


def _parking(application: Reading, correspondence: Correspondence, decision: Decision) -> list[Outgoing]:
    parking = read_parking(application.root)
    if decision.outcome is Outcome.REFUSED:
        return [_parking_decision(application, parking, correspondence, decision, permit=None)]
    number = f"{correspondence.case.aktenzeichen}-1"
    letter = notices.parking_permit(_sheet(application, correspondence), parking, number)
    document = Document.pdf(f"Ausweis-{number}.pdf", letters.render(letter))
    permit = specialist.Permit(
        number=number,
        plate=parking.plate,
        zone=parking.zone,
        valid_from=parking.valid_from,
        valid_until=parking.valid_until,
        document=document,
    )
    return [
        correspondence.write(
            ReportType.CASE_MESSAGE,
            f"Bewohnerparkausweis {number}",
            lambda head, reference: specialist.write_permit(head, reference, permit),
            [document],
        ),
        _parking_decision(application, parking, correspondence, decision, permit=permit),
    ]


def _parking_decision(
    application: Reading,
    parking: ParkingApplication,
    correspondence: Correspondence,
    decision: Decision,
    *,
    permit: specialist.Permit | None,
) -> Outgoing:
    decided_on = _day(correspondence.now)
    remedy = Remedy(
        notices.remedy_instruction(correspondence.office.name),
        Deadline(notices.remedy_deadline(decided_on), basis="§ 70 VwGO"),
        correspondence.office.name,
    )
    letter = notices.parking_decision(
        _sheet(application, correspondence),
        parking,
        operative=_operative_part(parking, permit),
        conditions=decision.conditions,
        reasons=decision.reasons,
        instruction=remedy.instruction,
        basis=decision.basis,
    )
    paper = Document.pdf(f"Bescheid-{correspondence.case.aktenzeichen}.pdf", letters.render(letter))
    attachments = [_attachment("BESCHEID", "Bescheid", "bescheid", paper)]
    if permit:
        attachments.append(_attachment("AUSWEIS", "Bewohnerparkausweis", "parkausweis", permit.document))
    return correspondence.write(
        ReportType.CASE_DECISION,
        f"Bescheid: {decision.outcome}" + (" (automatisiert)" if decision.basis else ""),
        lambda head, reference: rueckkanal.bescheid(
            head=head,
            reference=reference,
            tenor=Tenor.GRANTED if permit else Tenor.REJECTED,
            final=True,
            automated=decision.basis is not None,
            day=decided_on,
            subject="Bewohnerparkausweis",
            remedy=remedy,
            disclosure=disclosure(application.root),
            attachments=attachments,
            conditions=decision.conditions,
            reasons=decision.reasons or None,
        ),
        [paper, permit.document] if permit else [paper],
    )


def _operative_part(parking: ParkingApplication, permit: specialist.Permit | None) -> str:
    if permit is None:
        return "Ihr Antrag auf einen Bewohnerparkausweis wird abgelehnt."
    period = f"{letters.german_date(parking.valid_from)} bis {letters.german_date(parking.valid_until)}"
    return (
        f"Ihrem Antrag wird entsprochen. Sie erhalten den Bewohnerparkausweis {permit.number} für das "
        f"Fahrzeug {parking.plate} in der Zone {notices.zone_text(parking)}. Er gilt vom {period}."
    )


def _certificate(application: Reading, correspondence: Correspondence, decision: Decision) -> list[Outgoing]:
    order, issued = application.root, decision.outcome is Outcome.ISSUED
    result = correspondence.write(
        ReportType.CASE_MESSAGE,
        f"Ergebnis der Urkundenanforderung: {decision.outcome}",
        lambda head, reference: (
            specialist.write_certificates_issued(head, reference, order, fee=_fee(order))
            if issued
            else specialist.write_certificates_withheld(
                head,
                reference,
                order,
                found=decision.outcome is Outcome.NOT_ENTITLED,
                reason=decision.reasons,
            )
        ),
    )
    words = decision.reasons or "Die bestellten Urkunden sind ausgestellt und werden Ihnen zugestellt."
    kind = ResultKind.ISSUED if issued else ResultKind.INFORMATION
    return [result, _closing(correspondence, kind, words)]


def _trade(application: Reading, correspondence: Correspondence, decision: Decision) -> list[Outgoing]:
    number = correspondence.case.aktenzeichen
    letter = notices.trade_receipt(_sheet(application, correspondence), application.root, number)
    document = Document.pdf(f"Empfangsbescheinigung-{number}.pdf", letters.render(letter))
    receipt = correspondence.write(
        ReportType.CASE_MESSAGE,
        "Empfangsbescheinigung",
        lambda head, reference: specialist.write_trade_receipt(head, reference, number, document),
        [document],
    )
    words = (
        decision.reasons or "Der Empfang Ihrer Gewerbeanzeige ist bescheinigt. Sie müssen nichts weiter tun."
    )
    return [receipt, _closing(correspondence, ResultKind.DONE, words)]


def _closing(correspondence: Correspondence, kind: ResultKind, words: str) -> Outgoing:
    return correspondence.write(
        ReportType.CASE_DECISION,
        f"Ergebnis: {kind}",
        lambda head, reference: rueckkanal.ergebnis(head=head, reference=reference, kind=kind, text=words),
    )


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


def _sheet(application: Reading, correspondence: Correspondence) -> notices.Sheet:
    return notices.Sheet(
        office=correspondence.office.name,
        aktenzeichen=correspondence.case.aktenzeichen,
        written_on=_day(correspondence.now),
        to=recipient(read_parties(application.root)),
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


def _fee(order: Element) -> str:
    return str(_FEE_PER_CERTIFICATE * sum(int(text(each, "anzahl")) for each in find_all(order, "urkunde")))


def _day(moment: datetime) -> date:
    return moment.astimezone(BERLIN).date()
