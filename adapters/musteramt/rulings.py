"""How each kind of case ends: which messages and which documents a decision is made of.

What closes the case comes last, so that everything else is there when it is closed.
"""

from collections.abc import Sequence
from decimal import Decimal

from adapters.musteramt import letters, notices, specialist
from adapters.musteramt.decisions import OUTCOMES, Decision, Outcome
from adapters.musteramt.dossier import Dossier
from adapters.musteramt.papers import Correspondence
from adapters.musteramt.parking import rule_on_parking, sheet
from adapters.musteramt.reading import Reading
from adapters.musteramt.records import Document, Outgoing, Subject
from adapters.musteramt.xml import Element, find_all, text
from gateway.contract.report import ReportType
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import ResultKind

_FEE_PER_CERTIFICATE = Decimal("12.00")


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
    ruling = {Subject.PARKING: rule_on_parking, Subject.CERTIFICATE: _certificate, Subject.TRADE: _trade}[
        subject
    ]
    return ruling(application, correspondence, decision)


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
    letter = notices.trade_receipt(sheet(application, correspondence), application.root, number)
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


def _fee(order: Element) -> str:
    return str(_FEE_PER_CERTIFICATE * sum(int(text(each, "anzahl")) for each in find_all(order, "urkunde")))


_RULINGS = {Subject.PARKING: rule_on_parking, Subject.CERTIFICATE: _certificate, Subject.TRADE: _trade}
