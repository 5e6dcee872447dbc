from dataclasses import replace
from datetime import date

import pytest

from adapters.musteramt.reading import Party, read
from adapters.musteramt.rules import ParkingApplication, doubts, read_parking
from tests.unit.musteramt_samples import STREET, ZONES, foreign_vehicle, parking

APPLICANT = Party("B1", frozenset({"antragsteller"}), "Łucja Şahin-Čović", (STREET,), True, False)
PLAIN = ParkingApplication(
    kind="neu",
    parties=(APPLICANT,),
    home_street=STREET,
    zone="MS-A",
    zone_name="",
    plate="MS-AB 123",
    keeper="B1",
    transfer="",
    valid_from=date(2026, 12, 1),
    valid_until=date(2027, 11, 30),
    applied_on=date(2026, 11, 20),
    previous_permit="",
    payment="bezahlt",
)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"kind": "verlaengerung", "previous_permit": "P-1"},
        {"home_street": STREET.upper()},
        {"valid_until": date(2026, 12, 1)},
        {"valid_from": date(2028, 2, 29), "valid_until": date(2029, 2, 28)},
    ],
    ids=["new", "extension", "street in capitals", "one day", "leap day"],
)
def test_rules_have_no_doubts_when_everything_is_plainly_in_order(change):
    assert doubts(replace(PLAIN, **change), ZONES) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": "kennzeichenwechsel"}, "neuer Ausweis"),
        ({"kind": "ersatz", "previous_permit": "P-1"}, "neuer Ausweis"),
        ({"parties": (APPLICANT, replace(APPLICANT, id="B2"))}, "eine natürliche Person"),
        ({"parties": (replace(APPLICANT, natural=False),)}, "eine natürliche Person"),
        (
            {"parties": (replace(APPLICANT, roles=frozenset({"antragsteller", "bevollmaechtigter"})),)},
            "eine natürliche Person",
        ),
        ({"parties": (replace(APPLICANT, protected=True),)}, "Auskunftssperre"),
        ({"home_street": "Fernstraße"}, "Verzeichnis der Zone"),
        ({"zone": "MS-B"}, "Verzeichnis der Zone"),
        ({"keeper": ""}, "nicht auf die antragstellende Person"),
        ({"keeper": "B2"}, "nicht auf die antragstellende Person"),
        ({"kind": "verlaengerung"}, "bisherigen Ausweises"),
        ({"valid_from": date(2026, 11, 19)}, "Zeitraum"),
        ({"valid_until": date(2027, 12, 1)}, "Zeitraum"),
        ({"valid_until": date(2026, 11, 30)}, "Zeitraum"),
        ({"payment": ""}, "Gebühr"),
        ({"payment": "offen"}, "Gebühr"),
        ({"payment": "fehlgeschlagen"}, "Gebühr"),
    ],
)
def test_rules_name_one_doubt_when_one_thing_is_not_in_order(change, word):
    [doubt] = doubts(replace(PLAIN, **change), ZONES)

    assert word in doubt


def test_rules_doubt_every_address_when_no_streets_are_listed():
    assert len(doubts(PLAIN, {})) == 1


def test_read_parking_finds_what_the_rules_need():
    application = read_parking(read(parking()).root)

    assert replace(application, parties=(APPLICANT,)) == PLAIN
    assert application.parties[0].name == "Łucja Şahin-Čović"
    assert application.parties[0].address == (f"{STREET} 5", "99998 Musterstadt")


def test_read_parking_has_no_keeper_when_somebody_else_owns_the_vehicle():
    assert read_parking(read(foreign_vehicle()).root).keeper == ""
