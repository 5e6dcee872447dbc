"""How a message finds its route: by area, by authority, by neither; and what a table refuses to hold."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.routing import Route, RouteTable
from gateway.errors import ConfigurationError, NoRoute

PARKING = "99900000000102"
MESSAGE = "xparken:1.0:bewohnerparken.antrag.0101"
TOWN = "991010001001"


def route(
    name: str = "routes[0]",
    *,
    area: str = TOWN,
    message_type: str = "xparken:*",
    authority: str = "psw:99101001",
    lead: str = "musteramt",
    copies: tuple[str, ...] = (),
    test: bool = False,
    service: str = PARKING,
) -> Route:
    return Route(name, service, area, message_type, authority, "musterstadt", lead, copies, test)


def resolve(
    table: RouteTable,
    *,
    ars: str | None = TOWN,
    authority: str | None = None,
    message_type: str = MESSAGE,
    service: str = PARKING,
    test: bool = False,
) -> Route:
    return table.resolve(service=service, message_type=message_type, ars=ars, authority=authority, test=test)


@contextmanager
def refused(*said: str, never: str = "what the message says") -> Iterator[None]:
    """Expect NoRoute with one finding in both languages that says this, and never that."""
    with pytest.raises(NoRoute) as caught:
        yield
    (finding,) = caught.value.findings
    assert finding.message.de != finding.message.en
    assert all(each in caught.value.detail for each in said)
    assert never not in caught.value.detail + finding.model_dump_json()


@pytest.mark.parametrize("pattern", ["xparken:*", "xparken:1.0:*", MESSAGE])
def test_route_is_found_when_its_pattern_takes_the_message_type(pattern: str) -> None:
    assert resolve(RouteTable([route(message_type=pattern)])).message_type == pattern


@pytest.mark.parametrize("pattern", ["xpark:*", "xparken:1.1:*", MESSAGE + "0", "xparken:1:*"])
def test_route_is_not_found_when_its_pattern_takes_another_message_type(pattern: str) -> None:
    with refused("This type of message", f"Offered: {pattern}."):
        resolve(RouteTable([route(message_type=pattern)]))


def test_finer_area_wins_when_several_contain_the_place() -> None:
    areas = ["99", TOWN, "99101", "991010001", "991"]
    table = RouteTable(route(f"routes[{i}]", area=area) for i, area in enumerate(areas))
    assert resolve(table).area == TOWN
    assert resolve(table, ars="991010001999").area == "991010001"
    assert resolve(table, ars="991019999999").area == "99101"
    assert resolve(table, ars="991999999999").area == "991"
    assert resolve(table, ars="999999999999").area == "99"


def test_no_route_is_found_when_the_place_lies_elsewhere() -> None:
    with refused("the area (ARS) stated", f"Offered: {TOWN}.", never="010010001001"):
        resolve(RouteTable([route()]), ars="010010001001")


def test_no_route_is_found_when_the_authority_is_not_responsible_there() -> None:
    district = route(area="99101", authority="psw:99101999")
    town = route("routes[1]")
    table = RouteTable([district, town])
    assert resolve(table, authority=town.authority) is town
    with refused("authority stated is not responsible", "psw:99101001", never=district.authority):
        resolve(table, authority=district.authority)


def test_authority_alone_is_enough_when_all_its_routes_lead_to_the_same_destinations() -> None:
    table = RouteTable([route(), route("routes[1]", area="991010002002"), route("routes[2]", area="99102")])
    assert resolve(table, ars=None, authority="psw:99101001").lead == "musteramt"


@pytest.mark.parametrize("other", [{"lead": "another"}, {"copies": ("dms",)}])
def test_no_route_is_found_when_the_authority_alone_does_not_say_which(other: dict[str, object]) -> None:
    table = RouteTable([route(), route("routes[1]", area="991010002002", **other)])  # type: ignore[arg-type]
    with refused("several destinations", "State the area"):
        resolve(table, ars=None, authority="psw:99101001")


def test_no_route_is_found_when_the_message_says_neither_area_nor_authority() -> None:
    with refused("Neither area nor authority", "State the area"):
        resolve(RouteTable([route()]), ars=None)


def test_no_route_is_found_when_the_authority_offers_another_service() -> None:
    with refused("authority stated does not offer", "Offered: psw:99101001.", never="psw:5"):
        resolve(RouteTable([route()]), ars=None, authority="psw:5")


def test_offers_are_cut_when_there_are_many() -> None:
    table = RouteTable(route(area=f"{area:05}") for area in range(10000, 10030))
    with refused("the area (ARS) stated", "10000, 10001", "10009, …", never="10010"):
        resolve(table)


def test_services_are_named_when_they_take_a_message_type() -> None:
    other = "99900000000101"
    table = RouteTable([route(), route(service=other), route(service="99900000000103", message_type="x:*")])
    assert table.services(MESSAGE) == [other, PARKING]


@pytest.mark.parametrize("test", [True, False])
def test_test_and_other_messages_never_share_a_route(test: bool) -> None:
    table = RouteTable([route(test=test)])
    assert resolve(table, test=test).test is test
    with pytest.raises(NoRoute):
        resolve(table, test=not test)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("xparken:*", "xparken:*"),
        ("xparken:*", "xparken:1.0:*"),
        ("xparken:1.0:*", "xparken:*"),
        (MESSAGE, "xparken:*"),
        ("xparken:1.0:*", MESSAGE),
        (MESSAGE, MESSAGE),
    ],
)
def test_table_is_refused_when_two_routes_are_of_the_same_fineness(one: str, other: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        RouteTable([route(message_type=one), route("routes[7]", message_type=other, authority="psw:2")])
    assert "routes[0] and routes[7] are of the same fineness" in refused.value.detail
    assert f"area {TOWN}" in refused.value.detail


@pytest.mark.parametrize(
    "other",
    [{"message_type": "xparken:1.1:*"}, {"area": "99101"}, {"test": True}, {"service": "99900000000103"}],
)
def test_table_is_taken_when_routes_answer_different_questions(other: dict[str, object]) -> None:
    first = route(message_type="xparken:1.0:*")
    table = RouteTable([first, route("routes[1]", **{"message_type": "xparken:1.0:*"} | other)])  # type: ignore[arg-type]
    assert resolve(table) is first


AREAS = st.sampled_from(["99", "991", "99101", "99102", "991010001", TOWN, "991010001002", "98"])
PATTERNS = st.sampled_from(["xparken:*", "xparken:1.0:*", "xparken:1.1:*", MESSAGE, "xgewerbe:*"])
ROUTES = st.builds(
    route,
    area=AREAS,
    message_type=PATTERNS,
    authority=st.sampled_from(["psw:1", "psw:2"]),
    lead=st.sampled_from(["a", "b"]),
    test=st.booleans(),
)


@given(
    st.lists(ROUTES, max_size=12),
    st.sampled_from([TOWN, "991010001002", "991020003003", "980000000000"]),
    st.sampled_from([None, "psw:1", "psw:2"]),
    st.booleans(),
)
def test_route_is_the_finest_that_fits_whatever_the_table(
    routes: list[Route], ars: str, authority: str | None, test: bool
) -> None:
    try:
        table = RouteTable(routes)
    except ConfigurationError:
        assert len({(each.area, each.test) for each in routes}) < len(routes)
        return
    fitting = [each for each in routes if each.test is test and each.takes(MESSAGE)]
    finest = max(
        (each for each in fitting if ars.startswith(each.area)), key=lambda each: len(each.area), default=None
    )
    try:
        assert resolve(table, ars=ars, authority=authority, test=test) is finest
    except NoRoute:
        assert finest is None or finest.authority != authority is not None
