"""What the office's letters say, in the German of a German office."""

from dataclasses import dataclass
from datetime import date, timedelta

from adapters.musteramt.letters import Letter, Section, german_date
from adapters.musteramt.reading import Party
from adapters.musteramt.rules import ParkingApplication
from adapters.musteramt.xml import Element, text

_DELIVERY_DAYS = 4  # § 41 Absatz 2 VwVfG: made known on the fourth day
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on every letter of a case."""

    office: str
    aktenzeichen: str
    written_on: date
    to: Party | None

    def letter(self, title: str, sections: tuple[Section, ...], note: str | None = None) -> Letter:
        """Return a letter on this sheet."""
        lines = (self.to.name, *self.to.address) if self.to else ()
        return Letter(self.office, lines, self.written_on, self.aktenzeichen, title, sections, note)


def parking_decision(
    sheet: Sheet,
    application: ParkingApplication,
    *,
    operative: str,
    conditions: tuple[str, ...],
    reasons: str,
    instruction: str,
    basis: str | None,
) -> Letter:
    """Write the decision on a resident's parking permit."""
    sections = [Section(None, (f"Ihr Antrag vom {german_date(application.applied_on)}", operative))]
    if conditions:
        sections.append(Section("Nebenbestimmungen", conditions))
    if reasons:
        sections.append(Section("Begründung", (reasons,)))
    sections.append(Section("Rechtsbehelfsbelehrung", (instruction,)))
    made = f"vollständig automatisiert erlassen (§ 35a VwVfG; {basis})" if basis else "elektronisch erlassen"
    note = f"Dieser Bescheid wurde {made} und ist ohne Unterschrift gültig."
    return sheet.letter("Bescheid über Ihren Antrag auf einen Bewohnerparkausweis", tuple(sections), note)


def parking_permit(sheet: Sheet, application: ParkingApplication, number: str) -> Letter:
    """Write the permit that is put behind the windscreen; it names no person."""
    facts = (
        f"Ausweisnummer: {number}",
        f"Kennzeichen: {application.plate}",
        f"Zone: {zone_text(application)}",
        f"Gültig von {german_date(application.valid_from)} bis {german_date(application.valid_until)}",
    )
    anonymous = Sheet(sheet.office, sheet.aktenzeichen, sheet.written_on, to=None)
    hint = "Der Ausweis ist gut lesbar hinter der Windschutzscheibe auszulegen."
    return anonymous.letter("Bewohnerparkausweis", (Section(None, facts), Section(None, (hint,))))


def trade_receipt(sheet: Sheet, notice: Element, number: str) -> Letter:
    """Write the certificate of receipt of a business notice."""
    facts = (
        f"Meldung Nr.: {number}",
        f"Betrieb: {text(notice, 'betrieb/name')}",
        f"Betriebsstätte: {_place(notice)}",
        f"Tätigkeit: {text(notice, 'taetigkeit/text')}",
        _trade_date(notice),
    )
    sections = (
        Section(None, ("Den Empfang Ihrer Gewerbeanzeige bescheinigen wir hiermit (§ 15 Absatz 1 GewO).",)),
        Section("Angaben aus der Anzeige", facts),
        Section(
            "Hinweis",
            ("Sie ersetzt keine Erlaubnis oder Genehmigung, die für die Tätigkeit nötig ist.",),
        ),
    )
    return sheet.letter("Empfangsbescheinigung", sections, "Ohne Unterschrift gültig.")


def remedy_instruction(office: str) -> str:
    """Return how to challenge a decision of the office (§ 70 VwGO)."""
    return (
        "Gegen diesen Bescheid kann innerhalb eines Monats nach Bekanntgabe Widerspruch erhoben werden. "
        "Der Widerspruch ist schriftlich, in elektronischer Form nach § 3a Absatz 2 VwVfG, "
        "schriftformersetzend nach § 3a Absatz 3 VwVfG und § 9a Absatz 5 OZG oder zur Niederschrift "
        f"einzulegen bei: {office}."
    )


def remedy_deadline(decided_on: date) -> date:
    """Return the last day to challenge a decision: a month after it is made known, not on a weekend."""
    known = _weekday(decided_on + timedelta(days=_DELIVERY_DAYS))
    return _weekday(_month_after(known))


def zone_text(application: ParkingApplication) -> str:
    """Return the zone as people know it."""
    return application.zone_name or application.zone


def _place(notice: Element) -> str:
    site = "betriebsstaette/inland"
    street = f"{text(notice, f'{site}/strasse')} {text(notice, f'{site}/hausnummer')}"
    return f"{street}, {text(notice, f'{site}/plz')} {text(notice, f'{site}/ort')}"


def _trade_date(notice: Element) -> str:
    if beginning := text(notice, "beginn"):
        return f"Beginn: {german_date(date.fromisoformat(beginning))}"
    return f"Ende: {german_date(date.fromisoformat(text(notice, 'ende')))}"


def _month_after(day: date) -> date:
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def _weekday(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() >= _SATURDAY else day
