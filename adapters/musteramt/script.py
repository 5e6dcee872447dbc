"""The scripted clerk of the demo: what a person would do with a case that the rules leave alone."""

from collections.abc import Sequence
from datetime import timedelta

from adapters.musteramt.decisions import Decision, Outcome
from adapters.musteramt.dossier import Dossier
from adapters.musteramt.office import Office
from adapters.musteramt.papers import Query
from adapters.musteramt.reading import Reading
from adapters.musteramt.records import Subject
from adapters.musteramt.rules import keeps_vehicle, read_parking
from adapters.musteramt.xml import text

_ANSWER_WITHIN = timedelta(days=14)
_NEEDS_NO_PROOF = frozenset({"selbst", "behoerde"})
_USUAL_END = {
    Subject.PARKING: Decision(Outcome.GRANTED),
    Subject.CERTIFICATE: Decision(Outcome.ISSUED),
    Subject.TRADE: Decision(Outcome.CERTIFIED),
    Subject.OTHER: Decision(Outcome.DONE, "Ihre Nachricht ist eingegangen und zu den Akten genommen."),
}


async def handle(office: Office, dossier: Dossier) -> None:
    """Do the next thing in a case: confirm a withdrawal, ask once what is missing, or decide.

    Raises:
        CaseChanged: the case moved on in the meantime.
    """
    if dossier.case.withdrawal_asked:
        await office.confirm_withdrawal(dossier)
    elif not dossier.on_desk:
        return
    elif not dossier.asked and (queries := missing(dossier)):
        await office.ask(dossier, queries, answer_by=office.today() + _ANSWER_WITHIN)
    else:
        await office.decide(dossier, _USUAL_END[dossier.case.subject])


def missing(dossier: Dossier) -> Sequence[Query]:
    """Return what an application lacks."""
    application = dossier.application
    if application is None:
        return []
    if dossier.case.subject is Subject.PARKING:
        return _missing_for_parking(application)
    if dossier.case.subject is Subject.CERTIFICATE:
        return _missing_for_certificate(application)
    return []


def _missing_for_parking(application: Reading) -> Sequence[Query]:
    parking = read_parking(application.root)
    if keeps_vehicle(parking) or parking.transfer:
        return []
    words = (
        "Das Fahrzeug ist nicht auf Sie zugelassen. Bitte reichen Sie eine Bestätigung der Halterin oder des "
        "Halters ein, dass Ihnen das Fahrzeug auf Dauer überlassen ist."
    )
    return [Query(words, wanted="ueberlassung")]


def _missing_for_certificate(application: Reading) -> Sequence[Query]:
    relation = text(application.root, "berechtigung/verhaeltnis/code")
    if relation in _NEEDS_NO_PROOF or text(application.root, "berechtigung/nachweis"):
        return []
    words = "Bitte weisen Sie nach, wie Sie mit der Person verbunden sind, deren Urkunde Sie anfordern."
    interest = relation == "rechtliches-interesse"
    return [Query(words, wanted=f"nachweis-{'rechtliches-interesse' if interest else 'verwandtschaft'}")]
