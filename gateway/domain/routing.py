"""Routes: service × area × message type → authority → one lead and any number of copy destinations.

The finer area wins. Two routes of the same fineness for the same thing are an error when the table is
built, never a choice made at run time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import ConfigurationError, NoRoute


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
        if self.message_type.endswith("*"):
            return message_type.startswith(self.message_type[:-1])
        return message_type == self.message_type

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
            NoRoute: nothing is configured for this; the detail says what was looked for.
        """
        takers = [each for each in self._by_service.get((service, test), ()) if each.takes(message_type)]
        wanted = _describe(service, message_type, ars, authority, test)
        if ars is not None:
            return _by_area(takers, ars, authority, wanted)
        if authority is not None:
            return _by_authority(takers, authority, wanted)
        raise NoRoute(f"{wanted} could go anywhere: state the area (ars) or the authority.")


def _by_area(takers: Iterable[Route], ars: str, authority: str | None, wanted: str) -> Route:
    route = next((each for each in takers if ars.startswith(each.area)), None)
    if route is None:
        raise NoRoute(f"No route is configured for {wanted}.")
    if authority not in (None, route.authority):
        raise NoRoute(f"No route is configured for {wanted}: {route.authority} is responsible there.")
    return route


def _by_authority(takers: Iterable[Route], authority: str, wanted: str) -> Route:
    routes = [each for each in takers if each.authority == authority]
    if not routes:
        raise NoRoute(f"No route is configured for {wanted}.")
    if len({each.destinations for each in routes}) > 1:
        raise NoRoute(f"{wanted} goes to different destinations: state the area (ars) too.")
    return routes[0]


def _describe(service: str, message_type: str, ars: str | None, authority: str | None, test: bool) -> str:
    parts = [f"service {service}", f"message type {message_type}"]
    parts += [f"area {ars}"] if ars is not None else []
    parts += [f"authority {authority}"] if authority is not None else []
    parts += ["test destinations only"] if test else []
    return ", ".join(parts)


def _overlap(one: Route, other: Route) -> bool:
    return one.takes(other.message_type) or other.takes(one.message_type)


def _finer(one: Route, other: Route) -> str:
    return max(one.message_type, other.message_type, key=len)
