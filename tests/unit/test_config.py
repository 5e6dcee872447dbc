"""What a configuration is refused for: every fault at once, each on a line that begins with its path."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import load_config
from gateway.errors import ConfigurationError
from gateway.settings import data_folder

DEMO = data_folder("fixtures") / "demo" / "config.yaml"
PARKING = "99900000000102"
TOWN = "991010001001"

WHOLE: dict[str, Any] = {
    "tenants": [
        {"id": "musterstadt", "name": "Musterstadt", "ars": TOWN},
        {"id": "kleindorf", "name": "Kleindorf", "ars": "991020003003"},
    ],
    "services": [{"key": PARKING, "name": "Bewohnerparken", "name_en": "Parking permit", "sample": True}],
    "authorities": [
        {
            "id": "psw:1",
            "name": "Verkehrsbehörde",
            "tenant": "musterstadt",
            "areas": [TOWN, "99102"],
            "services": [PARKING],
        }
    ],
    "clients": [{"id": "portal", "name": "Portal", "grants": [{"tenant": "musterstadt"}]}],
    "operators": [{"name": "demo"}],
    "destinations": [
        {"name": "musteramt", "tenant": "musterstadt", "adapter": "musteramt"},
        {"name": "dms", "tenant": "musterstadt", "adapter": "dms"},
        {"name": "probe", "tenant": "musterstadt", "adapter": "musteramt", "test": True},
        {"name": "fremd", "tenant": "kleindorf", "adapter": "musteramt"},
    ],
    "routes": [
        {
            "services": [PARKING],
            "message_types": ["xparken:*"],
            "authority": "psw:1",
            "lead": "musteramt",
            "copies": ["dms"],
        }
    ],
}

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[Change], list[str]]:
    """Load the whole configuration with a change; return the faults it is refused for."""

    def load(change: Change) -> list[str]:
        changed = copy.deepcopy(WHOLE)
        change(changed)
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(changed), encoding="utf-8")
        with pytest.raises(ConfigurationError) as error:
            load_config(path)
        first, *faults = error.value.detail.splitlines()
        assert first == f"configuration {path}:"
        return [re.sub(r" \(line [0-9]+\)$", "", fault.strip()) for fault in faults]

    return load


def test_demo_configuration_shows_a_register_office_of_its_own_and_one_of_the_district() -> None:
    config = load_config(DEMO)
    order = {"service": "99900000000101", "message_type": "xurkunde:1.1:x", "authority": None, "test": False}
    assert config.route_table.resolve(ars=config.tenant["musterstadt"].ars, **order).tenant == "musterstadt"
    village = config.route_table.resolve(ars=config.tenant["kleindorf"].ars, **order)
    assert village.tenant == "landkreis-musterland"
    assert config.authority[village.authority].name == "Standesamt Landkreis Musterland"


def test_demo_configuration_has_a_test_route_for_each_sample_standard() -> None:
    tests = {pattern for each in load_config(DEMO).routes if each.test for pattern in each.message_types}
    assert tests == {"xurkunde:*", "xparken:*", "xgewerbe:*"}


def test_configuration_is_taken_when_nothing_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(WHOLE), encoding="utf-8")
    config = load_config(path)
    table = config.route_table
    question = {"service": PARKING, "message_type": "xparken:1.0:x", "authority": None, "test": False}
    # A route without areas holds in all areas of its authority, and nowhere else.
    assert [table.resolve(ars=ars, **question).area for ars in (TOWN, "991020003003")] == [TOWN, "99102"]
    assert table.resolve(ars=TOWN, **question).destinations == ("musteramt", "dms")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("tenants", "musterstadt"),
        ("services", PARKING),
        ("authorities", "psw:1"),
        ("clients", "portal"),
        ("operators", "demo"),
        ("destinations", "musteramt"),
    ],
)
def test_name_is_refused_when_defined_twice(
    refused: Callable[[Change], list[str]], part: str, name: str
) -> None:
    position = len(WHOLE[part])
    faults = refused(lambda config: config[part].append(config[part][0]))
    assert faults == [f"{part}[{position}]: {name} is defined twice"]


def _set(value: object, *path: str | int) -> Change:
    def change(config: dict[str, Any]) -> None:
        place: Any = config
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            _set("nirgends", "clients", 0, "grants", 0, "tenant"),
            "clients[0].grants[0].tenant: nirgends is not defined",
        ),
        (_set("nirgends", "destinations", 3, "tenant"), "destinations[3].tenant: nirgends is not defined"),
        (
            _set(["*", "nirgends"], "operators", 0, "tenants"),
            "operators[0].tenants[1]: nirgends is not defined",
        ),
        (
            _set(["*", "99900000000999"], "clients", 0, "grants", 0, "services"),
            "clients[0].grants[0].services[1]: 99900000000999 is not defined",
        ),
        (
            _set([PARKING, "99900000000999"], "authorities", 0, "services"),
            "authorities[0].services[1]: 99900000000999 is not defined",
        ),
        (_set("psw:9", "routes", 0, "authority"), "routes[0].authority: psw:9 is not defined"),
        (_set("weg", "routes", 0, "lead"), "routes[0].lead: weg is not defined"),
        (_set(["dms", "weg"], "routes", 0, "copies"), "routes[0].copies[1]: weg is not defined"),
        (
            _set(["99900000000999"], "routes", 0, "services"),
            "routes[0].services[0]: 99900000000999 is no service of psw:1",
        ),
        (
            _set([TOWN, "99103"], "routes", 0, "areas"),
            "routes[0].areas[1]: 99103 lies outside the areas of psw:1",
        ),
        (_set(["99"], "routes", 0, "areas"), "routes[0].areas[0]: 99 lies outside the areas of psw:1"),
        (
            _set("probe", "routes", 0, "lead"),
            "routes[0].lead: probe and the route differ in `test`; test messages go to test only",
        ),
        (
            _set(["dms", "probe"], "routes", 0, "copies"),
            "routes[0].copies[1]: probe and the route differ in `test`; test messages go to test only",
        ),
        (_set("fremd", "routes", 0, "lead"), "routes[0].lead: fremd belongs to another tenant than psw:1"),
        (
            _set(["fremd"], "routes", 0, "copies"),
            "routes[0].copies[0]: fremd belongs to another tenant than psw:1",
        ),
        (
            _set(["dms", "musteramt"], "routes", 0, "copies"),
            "routes[0].copies[1]: musteramt is a destination of this route already",
        ),
        (
            _set(["dms", "dms"], "routes", 0, "copies"),
            "routes[0].copies[1]: dms is a destination of this route already",
        ),
    ],
)
def test_fault_is_named_with_its_path_when_parts_do_not_fit(
    refused: Callable[[Change], list[str]], change: Change, fault: str
) -> None:
    assert refused(change) == [fault]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (_set("9910", "tenants", 0, "ars"), "tenants[0].ars"),
        (_set("99101000100", "tenants", 0, "ars"), "tenants[0].ars"),
        (_set("٩٩١٠١", "tenants", 0, "ars"), "tenants[0].ars"),
        (_set(["99101", "9910x"], "authorities", 0, "areas"), "authorities[0].areas[1]"),
        (_set("12345678901234", "services", 0, "key"), "services[0].key"),
        (_set("Musteramt", "destinations", 0, "name"), "destinations[0].name"),
        (_set(["xparken*"], "routes", 0, "message_types"), "routes[0].message_types[0]"),
        (_set(["xparken:1.0:a", "xparken:1.*"], "routes", 0, "message_types"), "routes[0].message_types[1]"),
        (_set([], "routes", 0, "services"), "routes[0].services"),
        (_set("ja", "routes", 0, "federführend"), "routes[0].federführend"),
        (_set([], "tenants"), "tenants"),
    ],
)
def test_fault_is_named_with_its_path_when_a_value_is_bad(
    refused: Callable[[Change], list[str]], change: Change, path: str
) -> None:
    assert [fault.partition(": ")[0] for fault in refused(change)] == [path]


def test_quotes_are_asked_for_when_yaml_has_read_a_number(refused: Callable[[Change], list[str]]) -> None:
    (fault,) = refused(_set(99101, "tenants", 0, "ars"))
    assert fault.startswith("tenants[0].ars: ")
    assert fault.endswith("write it in quotes")


@pytest.mark.parametrize(
    "second",
    [
        {},
        {"areas": ["99102"]},
        {"message_types": ["xparken:1.0:*"]},
        {"message_types": ["xgewerbe:*", "xparken:1.0:bewohnerparken.antrag.0101"]},
        {"lead": "dms", "copies": []},
    ],
)
def test_routes_are_refused_when_of_the_same_fineness(
    refused: Callable[[Change], list[str]], second: dict[str, object]
) -> None:
    (fault,) = refused(lambda config: config["routes"].append(config["routes"][0] | second))
    assert fault.startswith("routes[0] and routes[1] are of the same fineness")


def test_every_fault_has_its_own_line_when_there_are_several(
    refused: Callable[[Change], list[str]],
) -> None:
    def change(config: dict[str, Any]) -> None:
        config["authorities"][0]["tenant"] = "nirgends"
        config["routes"][0]["lead"] = "weg"
        config["routes"][0]["copies"] = ["probe"]

    assert refused(change) == [
        "authorities[0].tenant: nirgends is not defined",
        "routes[0].lead: weg is not defined",
        "routes[0].copies[0]: probe and the route differ in `test`; test messages go to test only",
        "routes[0].copies[0]: probe belongs to another tenant than psw:1",
    ]


@pytest.mark.parametrize(
    ("key", "place", "hint"),
    [
        ("operator", (), "did you mean operators?"),
        ("adaptor", ("destinations", 1), "did you mean adapter?"),
        ("service", ("clients", 0, "grants", 0), "did you mean services?"),
        ("zzz", ("clients", 0), "there are id, name, test, grants"),
    ],
)
def test_unknown_key_is_answered_with_the_one_that_may_be_meant(
    refused: Callable[[Change], list[str]], key: str, place: tuple[str | int, ...], hint: str
) -> None:
    (fault,) = refused(_set("x", *place, key))
    assert fault.endswith(f"{key}: unknown key; {hint}")


@pytest.mark.parametrize(
    ("wrong", "right", "line", "path"),
    [
        ("lead: musteramt-landkreis", "lead: musteramt-mond", "musteramt-mond", "routes[1].lead"),
        ("    adapter: dms", "    adaptor: dms", "adaptor", "destinations[1].adaptor"),
        ('ars: "991010002002"', "ars: 991010002002", "ars: 991010002002", "tenants[1].ars"),
    ],
)
def test_fault_names_its_line_in_the_file(
    tmp_path: Path, wrong: str, right: str, line: str, path: str
) -> None:
    text = DEMO.read_text("utf-8").replace(wrong, right, 1)
    number = 1 + next(i for i, each in enumerate(text.splitlines()) if line in each)
    (file := tmp_path / "config.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_config(file)
    (fault,) = (each for each in error.value.detail.splitlines() if each.strip().startswith(f"{path}: "))
    assert fault.endswith(f"(line {number})")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"tenants: [", "is not YAML: line 1, column 11 "),
        (b"tenants:\n  - id: a\n   name: b\n", "is not YAML: line 3, column 4 "),
        (b"tenants: a\nname: \xff\xfe\xfd", "is not YAML: line 2 is not UTF-8"),
        (b"tenants: \x00", "is not YAML: it holds a character"),
        (b"valid_from: 2026-02-30", "or a date that does not exist"),
        (b"just words", "configuration: "),
        (b"", "configuration: "),
    ],
)
def test_file_is_refused_when_it_is_no_configuration_at_all(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=expected) as error:
        load_config(path)
    assert str(path) in error.value.detail


def test_file_is_named_when_it_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: No such file"):
        load_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("tenant", "service", "scope", "allowed"),
    [
        ("musterstadt", PARKING, "submit", True),
        ("musterstadt", "99900000000101", "submit", False),
        ("musterstadt", PARKING, "mailbox", False),
        ("kleindorf", PARKING, "submit", False),
        ("kleindorf", "99900000000101", "mailbox", True),
    ],
)
def test_client_may_do_what_one_of_its_grants_allows(
    tmp_path: Path, tenant: str, service: str, scope: Any, allowed: bool
) -> None:
    changed = copy.deepcopy(WHOLE)
    changed["clients"][0]["grants"] = [
        {"tenant": "musterstadt", "services": [PARKING], "scopes": ["submit"]},
        {"tenant": "kleindorf", "scopes": ["mailbox"]},
    ]
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(changed), encoding="utf-8")
    assert load_config(path).client["portal"].may(scope, tenant, service) is allowed
