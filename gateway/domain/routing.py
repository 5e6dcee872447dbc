"""Routes: service × area × message type → authority → one lead and any number of copy destinations.

The finer area wins. Two routes of the same fineness for the same thing are an error when the table is
built, never a choice made at run time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.contract.findings import Bilingual
from gateway.errors import ConfigurationError, NoRoute

_MAX_OFFERED = 10


def covers(pattern: str, message_type: str) -> bool:
    """Say whether `<standard>:*`, `<standard>:<version>:*` or a whole id stands for a message type."""
    if pattern.endswith("*"):
        return message_type.startswith(pattern[:-1])
    return message_type == pattern


@dataclass(frozen=True, slots=True)
class Route:
    """One way: `message_type` is `<standard>:*`, `<standard>:<version>:*` or a whole message type id."""

    name: str
    service: str
    area: str
    message_type: str
    authority: str
    tenant: str
    lead: str
    copies: tuple[str, ...]
    test: bool

    def takes(self, message_type: str) -> bool:
        """Say whether this route is for that message type."""
        return covers(self.message_type, message_type)

    @property
    def destinations(self) -> tuple[str, ...]:
        """Lead first, then the copies."""
        return (self.lead, *self.copies)


class RouteTable:
    """All routes, ready to be asked.

    Raises:
        ConfigurationError: two routes of the same fineness answer the same question.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_service: dict[tuple[str, bool], list[Route]] = {}
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        beside = self._by_service.setdefault((route.service, route.test), [])
        for other in beside:
            if other.area == route.area and _overlap(other, route):
                raise ConfigurationError(
                    f"{other.name} and {route.name} are of the same fineness: both answer for service "
                    f"{route.service}, area {route.area} and {_finer(other, route)}; "
                    "remove one or give it a finer area"
                )
        beside.append(route)
        beside.sort(key=lambda each: -len(each.area))

    def services(self, message_type: str) -> list[str]:
        """Name the services that have a route for a message type, by their keys."""
        found = {
            service
            for (service, _), routes in self._by_service.items()
            if any(each.takes(message_type) for each in routes)
        }
        return sorted(found)

    def resolve(
        self, *, service: str, message_type: str, ars: str | None, authority: str | None, test: bool
    ) -> Route:
        """Find the route for a message by where it belongs, or by who is to decide.

        The area says who is responsible; an authority stated beside it must be the same one. An authority
        stated alone must be enough to know where the message goes.

        Args:
            ars: twelve digits; None where the message does not say.
            authority: id such as `psw:99101000`; None where the message does not say.

        Raises:
            NoRoute: nothing is configured for this; it says what does not fit, and what is offered.
        """
        of_service = self._by_service.get((service, test), ())
        takers = [each for each in of_service if each.takes(message_type)]
        if not takers:
            raise _unserved(of_service, test)
        if ars is not None:
            return _by_area(takers, ars, authority)
        if authority is not None:
            return _by_authority(takers, authority)
        raise NoRoute(_NOWHERE, hint=_STATE_AREA)


def _by_area(takers: Sequence[Route], ars: str, authority: str | None) -> Route:
    route = next((each for each in takers if ars.startswith(each.area)), None)
    if route is None:
        raise NoRoute(_OTHER_AREA, hint=_offered(each.area for each in takers))
    if authority not in (None, route.authority):
        raise NoRoute(_OTHER_AUTHORITY, hint=_responsible(route))
    return route


def _by_authority(takers: Sequence[Route], authority: str) -> Route:
    routes = [each for each in takers if each.authority == authority]
    if not routes:
        raise NoRoute(_NOT_ITS_SERVICE, hint=_offered(each.authority for each in takers))
    if len({each.destinations for each in routes}) > 1:
        raise NoRoute(_SEVERAL_WAYS, hint=_STATE_AREA)
    return routes[0]


def _unserved(of_service: Sequence[Route], test: bool) -> NoRoute:
    if of_service:
        return NoRoute(_OTHER_TYPE, hint=_offered(each.message_type for each in of_service))
    return NoRoute(_NO_TEST if test else _NO_SERVICE)


def _offered(ours: Iterable[str]) -> Bilingual:
    """Name what the configuration has; never what a message said."""
    known = sorted(set(ours))
    shown = ", ".join(known[:_MAX_OFFERED]) + (", …" if len(known) > _MAX_OFFERED else "")
    return Bilingual(de=f"Angeboten: {shown}.", en=f"Offered: {shown}.")


def _responsible(route: Route) -> Bilingual:
    return Bilingual(
        de=f"Zuständig ist dort {route.authority}.", en=f"Responsible there is {route.authority}."
    )


def _overlap(one: Route, other: Route) -> bool:
    return one.takes(other.message_type) or other.takes(one.message_type)


def _finer(one: Route, other: Route) -> str:
    return max(one.message_type, other.message_type, key=len)


_STATE_AREA = Bilingual(
    de="Geben Sie das Gebiet (`ars`) an, oder die zuständige Stelle (`authority`), wenn sie genügt.",
    en="State the area (`ars`), or the authority (`authority`) where that is enough.",
)
_NOWHERE = Bilingual(
    de="Weder Gebiet noch zuständige Stelle sind angegeben.", en="Neither area nor authority is stated."
)
_SEVERAL_WAYS = Bilingual(
    de="Die angegebene Stelle hat mehrere Ziele; sie allein sagt nicht, welches gemeint ist.",
    en="The authority stated has several destinations; it alone does not say which is meant.",
)
_OTHER_AREA = Bilingual(
    de="Diese Leistung wird für das angegebene Gebiet (ARS) nicht angeboten.",
    en="This service is not offered for the area (ARS) stated.",
)
_OTHER_AUTHORITY = Bilingual(
    de="Die angegebene Stelle ist für das angegebene Gebiet (ARS) nicht zuständig.",
    en="The authority stated is not responsible for the area (ARS) stated.",
)
_NOT_ITS_SERVICE = Bilingual(
    de="Die angegebene Stelle bietet diese Leistung hier nicht an.",
    en="The authority stated does not offer this service here.",
)
_OTHER_TYPE = Bilingual(
    de="Für diese Leistung wird dieser Nachrichtentyp nicht angenommen.",
    en="This type of message is not taken for this service.",
)
_NO_SERVICE = Bilingual(
    de="Für diese Leistung ist kein Ziel eingerichtet.", en="No destination is set up for this service."
)
_NO_TEST = Bilingual(
    de="Für diese Leistung ist kein Testziel eingerichtet; Testnachrichten gehen nur an Testziele.",
    en="No test destination is set up for this service; test messages go to test destinations only.",
)
