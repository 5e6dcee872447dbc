"""The configuration file: tenants, authorities, services, clients, destinations and routes.

Validated whole at start and by `amtsbote config check`; an error names the path of what is wrong.
"""

from collections.abc import Iterable
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from gateway.domain.routing import Route, RouteTable
from gateway.errors import ConfigurationError
from gateway.yaml_text import Faults, faulty, form, read_text, sentences, yaml_fault

_SLUG, _LEIKA_KEY = r"[a-z0-9]+(-[a-z0-9]+)*", r"99[0-9]{12}"
_SLUG_WORDS = (
    "no name here: write lower-case letters and digits, with single hyphens between them, such as "
    "dms-musterstadt"
)
_LEIKA_WORDS = "no LeiKa key: write 14 digits that begin with 99"

Slug = Annotated[str, StringConstraints(max_length=60), form(f"^{_SLUG}$", _SLUG_WORDS)]
AnySlug = Annotated[
    str, StringConstraints(max_length=60), form(rf"^(\*|{_SLUG})$", f'{_SLUG_WORDS}, or "*" for all')
]
Area = Annotated[
    str,
    form(r"^([0-9]{2}|[0-9]{3}|[0-9]{5}|[0-9]{9}|[0-9]{12})$", "no ARS: write its 2, 3, 5, 9 or 12 digits"),
]
LeikaKey = Annotated[str, form(f"^{_LEIKA_KEY}$", _LEIKA_WORDS)]
AnyLeikaKey = Annotated[str, form(rf"^(\*|{_LEIKA_KEY})$", f'{_LEIKA_WORDS}, or "*" for every service')]
MessageTypes = Annotated[
    str,
    form(
        r"^[^:*\s]+:(\*|[^:*\s]+:(\*|[^:*\s]+))$",
        "no pattern of message types: write standard:*, standard:version:* or standard:version:type",
    ),
]
TrustLevel = Literal["none", "low", "substantial", "high"]
Scope = Literal["submit", "read", "mailbox"]

_KIND = "configuration "


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tenant(_Part):
    """A municipality that is responsible for the data.

    `receiving_office` declares the gateway its receiving office: a case then shows RECEIVED at once.
    """

    id: Slug
    name: str
    ars: Area
    receiving_office: bool = False
    retention_days: int = Field(default=365, ge=1)


class Authority(_Part):
    """Who decides (zuständige Stelle)."""

    directory: str = "DVDV"
    id: str = Field(min_length=1, max_length=100)
    name: str
    tenant: Slug
    areas: tuple[Area, ...] = Field(min_length=1)
    services: tuple[LeikaKey, ...] = Field(min_length=1)
    contact: str | None = None


class Service(_Part):
    """What is applied for (Leistung).

    `automation_basis` names the legal basis on which a decision in the applicant's favour may be made by
    rules alone (§ 35a VwVfG); without one everything goes to a clerk. `sample` marks a made-up key.
    """

    key: LeikaKey
    name: str
    name_en: str
    valid_from: date | None = None
    valid_until: date | None = None
    trust_level: TrustLevel = "none"
    documents: tuple[str, ...] = ()
    fee: str | None = None
    processing_days: int | None = Field(default=None, ge=0)
    retention_days: int | None = Field(default=None, ge=1)
    automation_basis: str | None = None
    sample: bool = False


class Grant(_Part):
    """What a client may do for one tenant; `*` stands for every service."""

    tenant: Slug
    services: tuple[AnyLeikaKey, ...] = ("*",)
    scopes: frozenset[Scope] = frozenset({"submit", "read", "mailbox"})


class Client(_Part):
    """A portal or citizen account. A test client may post test messages only."""

    id: Slug
    name: str
    test: bool = False
    grants: tuple[Grant, ...] = Field(min_length=1)

    def may(self, scope: Scope, tenant: str, service: str) -> bool:
        """Say whether a grant allows this."""
        return any(
            grant.tenant == tenant
            and scope in grant.scopes
            and ("*" in grant.services or service in grant.services)
            for grant in self.grants
        )


class Destination(_Part):
    """An endpoint that one adapter serves, for one tenant. `options` are the adapter's own.

    `serves` names the message types that it takes, as a route does; what comes in another version is
    converted. Without, it takes every version.
    """

    name: Slug
    tenant: Slug
    adapter: str
    test: bool = False
    concurrency: int = Field(default=4, ge=1, le=100)
    serves: tuple[MessageTypes, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)


class RouteEntry(_Part):
    """One route as written; it holds for every combination of its services, areas and message types.

    Without `areas` it holds in all areas of its authority.
    """

    services: tuple[LeikaKey, ...] = Field(min_length=1)
    areas: tuple[Area, ...] = ()
    message_types: tuple[MessageTypes, ...] = Field(min_length=1)
    authority: str
    lead: Slug
    copies: tuple[Slug, ...] = ()
    test: bool = False


class Operator(_Part):
    """A person who may use the console, for the tenants named (`*`: all)."""

    name: Slug
    tenants: tuple[AnySlug, ...] = ("*",)


class Config(_Part):
    """The whole configuration, checked for references that lead nowhere."""

    tenants: tuple[Tenant, ...] = Field(min_length=1)
    authorities: tuple[Authority, ...] = Field(min_length=1)
    services: tuple[Service, ...] = Field(min_length=1)
    clients: tuple[Client, ...] = Field(min_length=1)
    destinations: tuple[Destination, ...] = Field(min_length=1)
    routes: tuple[RouteEntry, ...] = Field(min_length=1)
    operators: tuple[Operator, ...] = ()

    @model_validator(mode="after")
    def _references_lead_somewhere(self) -> Self:
        faults = [*self._duplicates(), *self._dangling(), *self._misrouted()]
        if faults:
            raise Faults(faults)
        return self

    def _duplicates(self) -> Iterable[str]:
        for part, names in (
            ("tenants", [each.id for each in self.tenants]),
            ("authorities", [each.id for each in self.authorities]),
            ("services", [each.key for each in self.services]),
            ("clients", [each.id for each in self.clients]),
            ("destinations", [each.name for each in self.destinations]),
            ("operators", [each.name for each in self.operators]),
        ):
            for position, name in enumerate(names):
                if name in names[:position]:
                    yield f"{part}[{position}]: {name} is defined twice"

    def _dangling(self) -> Iterable[str]:
        tenants = {each.id for each in self.tenants}
        services = {each.key for each in self.services}
        for path, name in self._tenants_named():
            if name not in tenants:
                yield f"{path}: {name} is not defined"
        for path, key in self._services_named():
            if key not in services:
                yield f"{path}: {key} is not defined"

    def _tenants_named(self) -> Iterable[tuple[str, str]]:
        for i, authority in enumerate(self.authorities):
            yield f"authorities[{i}].tenant", authority.tenant
        for i, client in enumerate(self.clients):
            for j, grant in enumerate(client.grants):
                yield f"clients[{i}].grants[{j}].tenant", grant.tenant
        for i, destination in enumerate(self.destinations):
            yield f"destinations[{i}].tenant", destination.tenant
        for i, operator in enumerate(self.operators):
            for j, name in enumerate(operator.tenants):
                if name != "*":
                    yield f"operators[{i}].tenants[{j}]", name

    def _services_named(self) -> Iterable[tuple[str, str]]:
        for i, authority in enumerate(self.authorities):
            for j, key in enumerate(authority.services):
                yield f"authorities[{i}].services[{j}]", key
        for i, client in enumerate(self.clients):
            for j, grant in enumerate(client.grants):
                for k, key in enumerate(grant.services):
                    if key != "*":
                        yield f"clients[{i}].grants[{j}].services[{k}]", key

    def _misrouted(self) -> Iterable[str]:
        authorities = {each.id: each for each in self.authorities}
        for i, route in enumerate(self.routes):
            authority = authorities.get(route.authority)
            if authority is None:
                yield f"routes[{i}].authority: {route.authority} is not defined"
                continue
            yield from self._beyond_authority(f"routes[{i}]", route, authority)
            yield from self._wrong_destinations(f"routes[{i}]", route, authority)

    def _beyond_authority(self, path: str, route: RouteEntry, authority: Authority) -> Iterable[str]:
        for j, key in enumerate(route.services):
            if key not in authority.services:
                yield f"{path}.services[{j}]: {key} is no service of {authority.id}"
        for j, area in enumerate(route.areas):
            if not area.startswith(authority.areas):
                yield f"{path}.areas[{j}]: {area} lies outside the areas of {authority.id}"

    def _wrong_destinations(self, path: str, route: RouteEntry, authority: Authority) -> Iterable[str]:
        destinations = {each.name: each for each in self.destinations}
        named = [("lead", route.lead), *((f"copies[{j}]", name) for j, name in enumerate(route.copies))]
        for position, (place, name) in enumerate(named):
            destination = destinations.get(name)
            if destination is None:
                yield f"{path}.{place}: {name} is not defined"
                continue
            if destination.test != route.test:
                yield f"{path}.{place}: {name} and the route differ in `test`; test messages go to test only"
            if destination.tenant != authority.tenant:
                yield f"{path}.{place}: {name} belongs to another tenant than {authority.id}"
            if name in [earlier for _, earlier in named[:position]]:
                yield f"{path}.{place}: {name} is a destination of this route already"

    @cached_property
    def route_table(self) -> RouteTable:
        """Every route, ready to be asked."""
        return RouteTable(
            Route(
                name=f"routes[{i}]",
                service=service,
                area=area,
                message_type=message_type,
                authority=entry.authority,
                tenant=self.authority[entry.authority].tenant,
                lead=entry.lead,
                copies=entry.copies,
                test=entry.test,
            )
            for i, entry in enumerate(self.routes)
            for service in entry.services
            for area in entry.areas or self.authority[entry.authority].areas
            for message_type in entry.message_types
        )

    @cached_property
    def tenant(self) -> dict[str, Tenant]:
        """Tenants by id."""
        return {each.id: each for each in self.tenants}

    @cached_property
    def authority(self) -> dict[str, Authority]:
        """Authorities by id."""
        return {each.id: each for each in self.authorities}

    @cached_property
    def service(self) -> dict[str, Service]:
        """Services by LeiKa key."""
        return {each.key: each for each in self.services}

    @cached_property
    def client(self) -> dict[str, Client]:
        """Clients by id."""
        return {each.id: each for each in self.clients}

    @cached_property
    def destination(self) -> dict[str, Destination]:
        """Destinations by name."""
        return {each.name: each for each in self.destinations}

    @cached_property
    def operator(self) -> dict[str, Operator]:
        """Operators by name."""
        return {each.name: each for each in self.operators}


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigurationError: one line a fault, each with the path of what is wrong.
    """
    text = read_text(path, _KIND)
    try:
        config = Config.model_validate(yaml.safe_load(text))
        _ = config.route_table
    except ValidationError as error:
        raise faulty_config(path, sentences(error, Config, "configuration")) from error
    except ConfigurationError as error:
        raise faulty_config(path, [error.detail]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"configuration {path} is not YAML: {yaml_fault(error)}") from error
    return config


def faulty_config(path: Path, told: Iterable[str]) -> ConfigurationError:
    """Return the error about a file that could be read: one line a fault, with its line in the file.

    Args:
        told: each begins with its path, such as `routes[1].lead: …`.
    """
    return faulty(path, told, _KIND)
