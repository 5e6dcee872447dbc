"""Every route has auth and an example, every problem a status, a page and a request that leads to it."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from gateway.contract.ids import new_id
from gateway.errors import Problem
from gateway.http.advice import ADVICE
from gateway.http.app import ROUTERS
from gateway.http.openapi import document_of
from gateway.http.problems import problem_classes, problem_types
from gateway.http.request_faults import FORMS
from tests.integration.http.portal import LEAD, PORTAL, running
from tests.integration.http.problem_cases import CASES

WITHOUT_TOKEN = {
    "/oauth/token": "takes the secret itself",
    "/healthz": "says nothing but that it runs",
    "/readyz": "names parts and reasons only",
    "/openapi.json": "public",
    "/docs": "public",
    "/": "public",
    "/problems": "public",
    "/problems/{slug}": "public",
}
OTHER_TOKENS = {"/metrics": "metrics"}
CONSOLE = "/console"
"""Operators sign in there with a session of their own."""

ROUTES = [
    route
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and not route.path.startswith(CONSOLE)
]
GUARDED = [route for route in ROUTES if route.path not in WITHOUT_TOKEN]
PROBLEMS = [kind for kind in problem_classes() if kind.__module__ == Problem.__module__]
NAMES = {"name": LEAD, "number": "1", "digest": "0" * 64}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    async def describe(folder: Path) -> dict[str, Any]:
        async with running(folder) as portal:
            described = document_of(portal.app)
            assert (await portal.http.get("/openapi.json")).json() == json.loads(json.dumps(described))
            return described

    return asyncio.run(describe(tmp_path_factory.mktemp("openapi")))


def test_list_of_open_routes_is_exact_when_it_is_compared():
    assert WITHOUT_TOKEN.keys() == {route.path for route in ROUTES} - {route.path for route in GUARDED}


async def test_route_answers_401_when_there_is_no_token(tmp_path):
    async with running(tmp_path) as portal:
        for route in GUARDED:
            path = route.path_format.format_map(
                {name: NAMES.get(name, new_id()) for name in route.param_convertors}
            )
            for method in route.methods:
                answer = await portal.http.request(method, path)
                assert answer.status_code == 401, f"{method} {route.path}"


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{sorted(route.methods)} {route.path}")
def test_route_is_described_with_its_credentials_when_it_is_guarded(route, document):
    for method in route.methods:
        call = document["paths"][route.path_format][method.lower()]
        destination = route.path.startswith("/v1/destinations/")
        wanted = OTHER_TOKENS.get(route.path) or ("destination" if destination else "client")
        assert call["security"] == [{wanted: []}]
        refusals = {"401"} if route.path in OTHER_TOKENS else {"401", "403"}
        assert refusals | {"503"} <= call["responses"].keys()


async def test_call_that_reads_refuses_a_query_parameter_when_it_is_not_described(tmp_path, document):
    async with running(tmp_path) as portal:
        for route in GUARDED:
            if route.methods == {"GET"} and route.path.startswith("/v1/"):
                call = document["paths"][route.path_format]["get"]
                names = {name: NAMES.get(name, new_id()) for name in route.param_convertors}
                path = route.path_format.format_map(names)
                caller = f"destination:{LEAD}" if route.path.startswith("/v1/destinations/") else PORTAL
                described = [each["name"] for each in call.get("parameters", ()) if each["in"] == "query"]
                query = "&".join(f"{each}=1" for each in [*described, "wiat"])
                answer = await portal.call("GET", f"{path}?{query}", caller=caller)
                assert answer.status_code == 422, route.path
                (finding,) = answer.json()["findings"]
                assert finding["path"] == "query/wiat"
                assert [each for each in described if each not in finding["hint"]["de"]] == []
                assert "422" in call["responses"]


def test_description_is_complete_when_it_is_read(document):
    assert document["openapi"].startswith("3.1.")
    schemes = document["components"]["securitySchemes"]
    assert schemes.keys() == {"client", "destination", "client_secret_basic", *OTHER_TOKENS.values()}
    described = {(path, method) for path, calls in document["paths"].items() for method in calls}
    routes = {(r.path_format, m.lower()) for r in ROUTES if r.include_in_schema for m in r.methods}
    assert described == routes


def test_every_content_has_an_example_when_it_is_described(document):
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            contents = [call.get("requestBody", {}), *call["responses"].values()]
            for content in contents:
                for media_type, body in content.get("content", {}).items():
                    examples = body.get("examples") or body.get("example")
                    assert examples, f"{method} {path} {media_type}"
            assert call["description"], f"{method} {path}"


def test_every_path_parameter_is_described_when_the_address_has_one(document):
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            named = {each["name"] for each in call.get("parameters", ()) if each["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), f"{method} {path}"


def test_every_reference_is_defined_when_the_document_is_complete(document):
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= document["components"]["schemas"].keys()


@pytest.mark.parametrize("kind", PROBLEMS, ids=lambda kind: kind.__name__)
def test_problem_has_status_title_page_and_a_request_when_it_is_defined(kind: type[Problem]):
    assert 400 <= kind.status < 600
    assert kind.title.de
    assert kind.title.en
    assert kind.type in ADVICE
    assert kind in CASES, "add a request that leads to it to problem_cases.py"


def test_no_advice_is_left_over_when_a_problem_is_gone():
    assert ADVICE.keys() == problem_types().keys()


def test_pattern_has_words_in_both_languages_when_a_request_must_fit_it(document):
    requests = [document["components"]["schemas"]["Metadata"], document["paths"]]
    patterns = set(re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(requests)))
    known = {json.loads(each) for each in patterns}
    assert r"^99[0-9]{12}$" in known  # a check that is no pattern would be told in English only
    assert known <= FORMS.keys()
