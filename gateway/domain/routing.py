"""Routes: service × area × message type → authority → one lead and any number of copy destinations.

The finer area wins. Two routes of the same fineness for the same thing are an error when the table is
built, never a choice made at run time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import ConfigurationError, NoRoute

EVERYWHERE = ""
"""The area of a route that holds wherever no finer one does."""


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
                    f"routes {other.name} and {route.name} are of the same fineness: both answer for service "
                    f"{route.service}, area {route.area or 'everywhere'} and {route.message_type}; "
                    "remove one or give it a finer area"
                )
        beside.append(route)
        beside.sort(key=lambda each: -len(each.area))

    def resolve(
        self, *, service: str, message_type: str, ars: str | None, authority: str | None, test: bool
    ) -> Route:
        """Find the route for a message by where it belongs, or by who is to decide.

        Args:
            ars: twelve digits; None where the message does not say.
            authority: id such as `psw:99101000`; None where the message does not say.

        Raises:
            NoRoute: nothing is configured for this; the detail says what was looked for.
        """
        for route in self._by_service.get((service, test), ()):
            if not route.takes(message_type):
                continue
            if ars is not None and not ars.startswith(route.area):
                continue
            if authority is not None and route.authority != authority:
                continue
            return route
        wanted = [f"service {service}", f"message type {message_type}"]
        wanted += [f"area {ars}"] if ars else []
        wanted += [f"authority {authority}"] if authority else []
        wanted += ["test destinations only"] if test else []
        raise NoRoute(f"No route is configured for {', '.join(wanted)}.")


def _overlap(one: Route, other: Route) -> bool:
    return one.takes(other.message_type) or other.takes(one.message_type)
