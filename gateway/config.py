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

from gateway.domain.routing import EVERYWHERE, Route, RouteTable
from gateway.errors import ConfigurationError

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Area = Annotated[str, StringConstraints(pattern=r"^(\d{2}|\d{3}|\d{5}|\d{9}|\d{12})$")]
LeikaKey = Annotated[str, StringConstraints(pattern=r"^99\d{12}$")]
TrustLevel = Literal["none", "low", "substantial", "high"]
Scope = Literal["submit", "read", "mailbox"]


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
    services: tuple[LeikaKey | Literal["*"], ...] = ("*",)
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
    """An endpoint that one adapter serves, for one tenant. `options` are the adapter's own."""

    name: Slug
    tenant: Slug
    adapter: str
    test: bool = False
    concurrency: int = Field(default=4, ge=1, le=100)
    options: dict[str, Any] = Field(default_factory=dict)


class RouteEntry(_Part):
    """One route as written; it holds for every combination of its services, areas and message types."""

    services: tuple[LeikaKey, ...] = Field(min_length=1)
    areas: tuple[Area, ...] = ()
    message_types: tuple[str, ...] = Field(min_length=1)
    authority: str
    lead: Slug
    copies: tuple[Slug, ...] = ()
    test: bool = False


class Operator(_Part):
    """A person who may use the console, for the tenants named (`*`: all)."""

    name: Slug
    tenants: tuple[Slug | Literal["*"], ...] = ("*",)


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
            raise ValueError("; ".join(faults))
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
        references = [
            *((f"authorities[{i}].tenant", each.tenant, tenants) for i, each in enumerate(self.authorities)),
            *(
                (f"destinations[{i}].tenant", each.tenant, tenants)
                for i, each in enumerate(self.destinations)
            ),
            *(
                (f"clients[{i}].grants[{j}].tenant", grant.tenant, tenants)
                for i, each in enumerate(self.clients)
                for j, grant in enumerate(each.grants)
            ),
            *(
                (f"authorities[{i}].services", key, services)
                for i, each in enumerate(self.authorities)
                for key in each.services
            ),
        ]
        for path, name, known in references:
            if name not in known:
                yield f"{path}: {name} is not defined"

    def _misrouted(self) -> Iterable[str]:
        authorities = {each.id: each for each in self.authorities}
        destinations = {each.name: each for each in self.destinations}
        for i, route in enumerate(self.routes):
            authority = authorities.get(route.authority)
            if authority is None:
                yield f"routes[{i}].authority: {route.authority} is not defined"
                continue
            for key in route.services:
                if key not in authority.services:
                    yield f"routes[{i}].services: {key} is no service of {authority.id}"
            for name in (route.lead, *route.copies):
                if name not in destinations:
                    yield f"routes[{i}]: destination {name} is not defined"
                elif destinations[name].test != route.test:
                    yield f"routes[{i}]: {name} and the route differ in `test`; test messages go to test only"
                elif destinations[name].tenant != authority.tenant:
                    yield f"routes[{i}]: {name} belongs to another tenant than {authority.id}"
            if route.lead in route.copies:
                yield f"routes[{i}].copies: {route.lead} is the lead already"

    @cached_property
    def route_table(self) -> RouteTable:
        """Every route, ready to be asked."""
        tenant_of = {each.id: each.tenant for each in self.authorities}
        return RouteTable(
            Route(
                name=f"routes[{i}]",
                service=service,
                area=area,
                message_type=message_type,
                authority=entry.authority,
                tenant=tenant_of[entry.authority],
                lead=entry.lead,
                copies=entry.copies,
                test=entry.test,
            )
            for i, entry in enumerate(self.routes)
            for service in entry.services
            for area in entry.areas or (EVERYWHERE,)
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
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"configuration {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"configuration {path} is not YAML: {error}") from error
    try:
        config = Config.model_validate(data)
        _ = config.route_table
    except ValidationError as error:
        lines = [f"{_path(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False)]
        raise ConfigurationError(f"configuration {path}:\n  " + "\n  ".join(lines)) from error
    except ConfigurationError as error:
        raise ConfigurationError(f"configuration {path}:\n  {error.detail}") from error
    return config


def _path(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "configuration"
