"""The ASGI application."""

from fastapi import Depends, FastAPI

from gateway import metrics as names
from gateway.http import console, openapi, problem_pages, problems, start
from gateway.http.admission import Admission
from gateway.http.api import (
    cases,
    destinations,
    health,
    mailbox,
    metrics,
    standards,
    submissions,
    token,
    validate,
)
from gateway.http.edge import Edge
from gateway.http.example_desk import ExampleDesk
from gateway.http.guesses import Guesses
from gateway.http.query import known_query
from gateway.http.service import Service
from gateway.http.shortcut import Application
from gateway.http.tokens import Tokens
from gateway.settings import read_secret

ROUTERS = (
    submissions.router,
    validate.router,
    cases.router,
    mailbox.router,
    standards.router,
    token.router,
    destinations.router,
    health.router,
    metrics.router,
    openapi.router,
    problem_pages.router,
    start.router,
    console.router,
)


def create_probes(service: Service) -> FastAPI:
    """Return what a process without the role `http` answers: whether it is alive and ready, its figures."""
    app = _prepare(FastAPI, service)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.add_middleware(Edge, admission=app.state.admission)
    return app


def create_app(service: Service) -> FastAPI:
    """Join the calls to the parts they work on.

    Raises:
        ConfigurationError: the file `token.key` is missing or holds too little.
    """
    app = _prepare(Application, service)
    app.state.tokens = Tokens(
        read_secret(service.settings.secrets / "token.key"), service.settings.token_lifetime_s
    )
    app.state.guesses = Guesses()
    app.state.example_desk = ExampleDesk()
    app.state.sessions = console.Sessions(service.settings, service.config)
    app.state.tally = console.Tally()
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(known_query)])
    app.add_middleware(Edge, admission=app.state.admission)
    return app


def _prepare(kind: type[FastAPI], service: Service) -> FastAPI:
    app = kind(title=openapi.TITLE, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.service = service
    app.state.admission = admission = Admission(
        max_requests=service.settings.max_requests, max_body_bytes=service.settings.max_body_bytes
    )
    names.REQUESTS_IN_HAND.set_function(lambda: admission.requests)
    names.WAITS_IN_HAND.set_function(lambda: admission.waits)
    names.BODY_BYTES.set_function(lambda: admission.body_bytes)
    problems.install(app)
    return app
