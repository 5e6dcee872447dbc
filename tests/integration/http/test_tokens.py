"""Tokens: given for a right secret only, and good for as long as they say."""

import base64
import time

import jwt
import pytest

from gateway.http.guesses import MAX_FAILURES
from gateway.http.tokens import AUDIENCE, Tokens
from tests.integration.http.portal import LEAD, PORTAL, Portal, running, secret_of

FORM = {"grant_type": "client_credentials"}


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@pytest.mark.parametrize("caller", [PORTAL, f"destination:{LEAD}"])
async def test_token_is_given_when_the_secret_is_right(portal: Portal, caller: str):
    answer = await portal.sign_in(caller)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == portal.service.settings.token_lifetime_s
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["aud"]) == (caller, "amtsbote")
    assert claims["exp"] - claims["iat"] == token["expires_in"]
    assert claims["jti"]


@pytest.mark.parametrize(
    ("caller", "secret"),
    [
        (PORTAL, "a wrong secret, long enough"),
        ("nobody", "-" * 32),
        ("../clients/demo-portal", secret_of(PORTAL)),
        (f"destination:{PORTAL}", secret_of(PORTAL)),
        (LEAD, secret_of(f"destination:{LEAD}")),
        ("", "x"),
    ],
)
async def test_token_is_refused_when_id_and_secret_do_not_match(portal: Portal, caller: str, secret: str):
    answer = await portal.sign_in(caller, secret)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "submit"}, "invalid_scope"),
        ({"grant_type": "client_credentials", "client_secret": secret_of(PORTAL)}, "invalid_request"),
        ({"other": "x"}, "invalid_request"),
        ({}, "invalid_request"),
        ({"grant_type": "x" * 5000}, "invalid_request"),
    ],
)
async def test_token_is_refused_when_the_form_is_another(portal: Portal, form: dict[str, str], error: str):
    answer = await portal.http.post("/oauth/token", data=form, headers=basic(f"{PORTAL}:{secret_of(PORTAL)}"))
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert secret_of(PORTAL) not in answer.text


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic eA==", "Bearer x", "Basic /w=="])
async def test_token_is_refused_when_the_header_is_malformed(portal: Portal, header: str):
    answer = await portal.http.post("/oauth/token", data=FORM, headers={"Authorization": header})
    assert answer.status_code == 401


async def test_sign_in_works_again_elsewhere_when_one_address_guesses(portal: Portal):
    for _ in range(10):
        await portal.sign_in(PORTAL, "a wrong secret")
    assert (await portal.sign_in(PORTAL)).status_code == 429
    assert (await portal.sign_in("demo-portal-zwei")).status_code == 200


async def test_token_is_refused_as_ever_when_the_id_is_too_long_to_be_one(portal: Portal):
    wrong = await portal.sign_in("x" * 200, "a wrong secret")
    answers = [await portal.sign_in("x" * 201, "a wrong secret") for _ in range(MAX_FAILURES + 1)]
    # Nothing is remembered of it, so that it never has to wait.
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, wrong.text)}


async def test_failures_are_forgotten_when_a_sign_in_succeeds(portal: Portal):
    for _ in range(3):
        for _ in range(9):
            await portal.sign_in(PORTAL, "a wrong secret")
        assert (await portal.sign_in(PORTAL)).status_code == 200


async def test_token_is_refused_when_it_has_ended(tmp_path, monkeypatch: pytest.MonkeyPatch):
    async with running(tmp_path, token_lifetime_s=10) as portal:
        assert (await portal.get("/v1/mailbox")).status_code == 200
        started = time.time()
        monkeypatch.setattr(time, "time", lambda: started + 11)
        answer = await portal.get("/v1/mailbox")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def forged(portal: Portal, **changes: object) -> str:
    tokens: Tokens = portal.app.state.tokens
    now = int(time.time())
    claims = {"sub": PORTAL, "aud": AUDIENCE, "iat": now, "exp": now + 60, "jti": "x"} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, tokens._key, algorithm="HS256")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
        {"sub": "removed"},
        {"sub": "destination:x"},
    ],
)
async def test_token_is_refused_when_a_claim_is_another(portal: Portal, changes: dict[str, object]):
    headers = {"Authorization": f"Bearer {forged(portal, **changes)}"}
    answer = await portal.http.get("/v1/mailbox", headers=headers)
    assert answer.status_code in (401, 403)
    good = {"Authorization": f"Bearer {forged(portal)}"}
    assert (await portal.http.get("/v1/mailbox", headers=good)).status_code == 200


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
async def test_token_is_refused_when_its_algorithm_is_another(portal: Portal, algorithm: str):
    now = int(time.time())
    claims = {"sub": PORTAL, "aud": AUDIENCE, "iat": now, "exp": now + 60, "jti": "x"}
    key = None if algorithm == "none" else portal.app.state.tokens._key + b"-" * 32
    token = jwt.encode(claims, key, algorithm=algorithm)
    answer = await portal.http.get("/v1/mailbox", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "x"])
async def test_call_is_refused_when_there_is_no_bearer_token(portal: Portal, header: str | None):
    headers = {} if header is None else {"Authorization": header}
    assert (await portal.http.get("/v1/mailbox", headers=headers)).status_code == 401
