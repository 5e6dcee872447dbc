"""The ASGI application."""

from fastapi import FastAPI

from gateway.http import console, openapi, problem_pages, problems, start
from gateway.http.api import cases, destinations, health, mailbox, submissions, token, validate
from gateway.http.edge import Edge
from gateway.http.guesses import Guesses
from gateway.http.service import Service
from gateway.http.tokens import Tokens
from gateway.settings import read_secret

ROUTERS = (
    submissions.router,
    validate.router,
    cases.router,
    mailbox.router,
    token.router,
    destinations.router,
    health.router,
    openapi.router,
    problem_pages.router,
    start.router,
    console.router,
)


def create_app(service: Service) -> FastAPI:
    """Join the calls to the parts they work on.

    Raises:
        ConfigurationError: the file `token.key` is missing or holds too little.
    """
    app = FastAPI(
        title=openapi.TITLE, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    app.state.tokens = Tokens(
        read_secret(service.settings.secrets / "token.key"), service.settings.token_lifetime_s
    )
    app.state.guesses = Guesses()
    app.state.sessions = console.Sessions(service.settings, service.config)
    problems.install(app)
    app.add_middleware(Edge)
    for router in ROUTERS:
        app.include_router(router)
    return app
