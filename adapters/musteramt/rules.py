"""The rules by which a parking permit is granted without a clerk.

They only ever say yes. Whatever a rule does not find to be plainly in order goes to the clerk, with a
sentence that tells why; nothing here refuses, shortens or conditions anything. Without a legal basis no rule
is asked at all.

Source: § 35a VwVfG; messages.md, xparken 1.0
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from adapters.musteramt.reading import Party, read_parties
from adapters.musteramt.xml import Element, find, text

_NEW, _EXTENSION = "neu", "verlaengerung"
_PAID = "bezahlt"
Zones = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class ParkingApplication:
    """What the rules look at. `keeper` is the id of the party the vehicle is registered to, if it is one."""

    kind: str
    parties: tuple[Party, ...]
    home_street: str
    zone: str
    zone_name: str
    plate: str
    keeper: str
    transfer: str
    valid_from: date
    valid_until: date
    applied_on: date
    previous_permit: str
    payment: str


@dataclass(frozen=True, slots=True)
class _Rule:
    doubt: str
    holds: Callable[[ParkingApplication, Zones], bool]


def _applies_alone(application: ParkingApplication, _zones: Zones) -> bool:
    parties = application.parties
    return len(parties) == 1 and parties[0].natural and parties[0].roles == {"antragsteller"}


def _lives_in_zone(application: ParkingApplication, zones: Zones) -> bool:
    streets = {street.casefold() for street in zones.get(application.zone, ())}
    return application.home_street.casefold() in streets


def _period_is_usual(application: ParkingApplication, _zones: Zones) -> bool:
    first, last = application.valid_from, application.valid_until
    return application.applied_on <= first <= last and last < _a_year_after(first)


_RULES = (
    _Rule(
        "Weder ein neuer Ausweis noch eine Verlängerung wird beantragt.",
        lambda application, _: application.kind in {_NEW, _EXTENSION},
    ),
    _Rule("Es beantragt nicht genau eine natürliche Person für sich selbst.", _applies_alone),
    _Rule(
        "Es besteht eine Auskunftssperre.",
        lambda application, _: not any(party.protected for party in application.parties),
    ),
    _Rule("Die Straße der Hauptwohnung ist im Verzeichnis der Zone nicht aufgeführt.", _lives_in_zone),
    _Rule(
        "Das Fahrzeug ist nicht auf die antragstellende Person zugelassen.",
        lambda application, _: keeps_vehicle(application),
    ),
    _Rule(
        "Zur Verlängerung fehlt die Nummer des bisherigen Ausweises.",
        lambda application, _: application.kind != _EXTENSION or bool(application.previous_permit),
    ),
    _Rule("Der Zeitraum beginnt vor der Antragstellung oder ist länger als ein Jahr.", _period_is_usual),
    _Rule("Die Gebühr ist nicht bezahlt.", lambda application, _: application.payment == _PAID),
)


def doubts(application: ParkingApplication, zones: Zones) -> list[str]:
    """Return why a clerk has to look; nothing means that the permit may be granted as applied for."""
    return [rule.doubt for rule in _RULES if not rule.holds(application, zones)]


def keeps_vehicle(application: ParkingApplication) -> bool:
    """Say whether the vehicle is registered to somebody who applies."""
    applicants = {party.id for party in application.parties if party.applies}
    return application.keeper in applicants


def read_parking(root: Element) -> ParkingApplication:
    """Read an application for a resident's parking permit."""
    return ParkingApplication(
        kind=text(root, "art/code"),
        parties=tuple(read_parties(root)),
        home_street=text(root, "hauptwohnung/inland/strasse"),
        zone=text(root, "zone/code"),
        zone_name=text(root, "zone/name"),
        plate=text(root, "fahrzeug/kennzeichen"),
        keeper=text(root, "fahrzeug/halter/beteiligter"),
        transfer=text(root, "fahrzeug/ueberlassung"),
        valid_from=date.fromisoformat(text(root, "zeitraum/von")),
        valid_until=date.fromisoformat(text(root, "zeitraum/bis")),
        applied_on=date.fromisoformat(text(root, "rahmen/antragsdatum")),
        previous_permit=text(root, "bisherigerAusweis"),
        payment=text(root, "rahmen/zahlung/status") if find(root, "rahmen/zahlung") is not None else "",
    )


def _a_year_after(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # 29 February
        return date(day.year + 1, 3, 1)
