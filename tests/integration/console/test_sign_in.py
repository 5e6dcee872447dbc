"""Who gets in: sessions, cookies, forms from elsewhere, guessing."""

import time

import jwt
import pytest
from lxml import html

from gateway.http.guesses import MAX_FAILURES
from gateway.settings import read_secret
from tests.integration.console.operator import Browser
from tests.integration.http.portal import Portal

COOKIE = "amtsbote_console"
ELSEWHERE = [
    {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "https://amtsbote.example", "Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {},
]


@pytest.mark.parametrize(
    "path", ["/console", "/console/cases/01900000-0000-7000-8000-000000000000", "/console/nix"]
)
async def test_page_redirects_to_sign_in_when_there_is_no_session(browser: Browser, path: str) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")


async def test_sign_in_opens_a_session_when_name_and_secret_match(browser: Browser) -> None:
    answer = await browser.sign_in("demo")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert (await browser.get("/console")).status_code == 200


async def test_sign_in_page_leads_on_when_there_is_a_session(demo: Browser) -> None:
    answer = await demo.get("/console/login")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")


async def test_sign_in_says_the_same_when_name_or_secret_is_wrong(browser: Browser) -> None:
    wrong_secret = await browser.sign_in("demo", "not-the-secret-of-demo")
    wrong_name = await browser.sign_in("nobody", "not-the-secret-of-demo")
    empty_name = await browser.sign_in("", "-" * 32)
    assert wrong_secret.status_code == wrong_name.status_code == empty_name.status_code == 403
    assert (
        _without_time(wrong_secret.text).replace('value="demo"', 'value=""')
        == _without_time(wrong_name.text).replace('value="nobody"', 'value=""')
        == _without_time(empty_name.text)
    )
    assert COOKIE not in browser.http.cookies
    assert (await browser.get("/console")).status_code == 303


def _without_time(page: str) -> str:
    return page.partition("<footer>")[0]


async def test_sign_in_keeps_the_name_and_never_the_secret_when_they_do_not_match(browser: Browser) -> None:
    answer = await browser.sign_in('"><b>demo', "not-the-secret-of-demo")
    form = html.fromstring(answer.text).forms[0]
    assert (form.fields["name"], form.fields["secret"]) == ('"><b>demo', None)
    assert "not-the-secret" not in answer.text


async def test_client_secret_opens_no_session(browser: Browser) -> None:
    answer = await browser.sign_in("demo-portal", "secret-of-demo-portal-0123456789")
    assert answer.status_code == 403


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    answer = await browser.sign_in("demo")
    (session,) = (each for each in answer.headers.get_list("set-cookie") if each.startswith(f"{COOKIE}="))
    flags = set(session.split("; ")[1:])
    assert flags == {"HttpOnly", "Max-Age=28800", "Path=/console", "SameSite=strict", "Secure"}


async def test_cookie_is_not_marked_secure_when_the_browser_came_without_tls(portal: Portal) -> None:
    plain = Browser(portal.app, "http://amtsbote.example")
    answer = await plain.sign_in("demo")
    assert "Secure" not in answer.headers["set-cookie"]
    assert (await plain.get("/console")).status_code == 200
    await plain.http.aclose()


async def test_cookie_is_marked_secure_when_a_proxy_ended_tls(portal: Portal) -> None:
    proxied = Browser(portal.app, "http://amtsbote.example")
    fields = await proxied.form("/console/login", "/console/login")
    fields |= {"name": "demo", "secret": "operator-secret-of-demo-0123456789"}
    answer = await proxied.post("/console/login", fields, headers={"Origin": "https://amtsbote.example"})
    assert answer.status_code == 303
    assert "Secure" in answer.headers.get_list("set-cookie")[-1]
    await proxied.http.aclose()


async def test_session_is_a_new_one_at_each_sign_in(portal: Portal, browser: Browser) -> None:
    planted = "chosen-by-somebody-else"
    browser.http.cookies.set(COOKIE, planted, domain="amtsbote.example", path="/console")
    await browser.sign_in("demo")
    first = browser.http.cookies[COOKIE]
    other = Browser(portal.app)
    await other.sign_in("demo")
    assert len({planted, first, other.http.cookies[COOKIE]}) == 3
    await other.http.aclose()


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_sign_in_is_refused_when_the_form_comes_from_elsewhere(
    browser: Browser, headers: dict[str, str]
) -> None:
    fields = await browser.form("/console/login", "/console/login")
    fields |= {"name": "demo", "secret": "operator-secret-of-demo-0123456789"}
    answer = await browser.post("/console/login", fields, headers=headers)
    assert answer.status_code == 403
    assert COOKIE not in browser.http.cookies


async def test_sign_in_is_refused_when_the_token_is_not_that_of_the_page(browser: Browser) -> None:
    assert (await browser.sign_in("demo", token="0" * 64)).status_code == 403
    assert (await browser.sign_in("demo", token="ü")).status_code == 403
    browser.http.cookies.clear()
    fields = {"name": "demo", "secret": "operator-secret-of-demo-0123456789"}
    assert (await browser.post("/console/login", fields)).status_code == 403
    assert COOKIE not in browser.http.cookies


@pytest.mark.parametrize("path", ["/console/logout", "/console/search"])
@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_form_has_no_effect_when_it_comes_from_elsewhere(
    demo: Browser, path: str, headers: dict[str, str]
) -> None:
    fields = await demo.form(path) | {"key": "x"}
    assert (await demo.post(path, fields, headers=headers)).status_code == 403
    assert (await demo.get("/console")).status_code == 200


@pytest.mark.parametrize("path", ["/console/logout", "/console/search"])
async def test_form_has_no_effect_when_it_has_the_token_of_another_session(
    portal: Portal, demo: Browser, path: str
) -> None:
    other = Browser(portal.app)
    await other.sign_in("demo")
    fields = await other.form(path) | {"key": "x"}
    assert (await demo.post(path, fields)).status_code == 403
    assert (await demo.get("/console")).status_code == 200
    await other.http.aclose()


async def test_form_larger_than_any_of_ours_is_refused(demo: Browser) -> None:
    answer = await demo.post("/console/search", await demo.form("/console/search") | {"key": "x" * 5000})
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")


async def test_sign_out_ends_the_session_also_for_a_copy_of_the_cookie(demo: Browser) -> None:
    copied = demo.http.cookies[COOKIE]
    answer = await demo.post("/console/logout", await demo.form("/console/logout"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")
    assert COOKIE not in demo.http.cookies
    demo.http.cookies.set(COOKIE, copied, domain="amtsbote.example", path="/console")
    assert (await demo.get("/console")).status_code == 303


@pytest.mark.parametrize(("left_s", "status"), [(60, 200), (-1, 303)])
async def test_session_ends_when_its_eight_hours_are_over(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, left_s: int, status: int
) -> None:
    opened_at = time.time() - 8 * 3600 + left_s
    monkeypatch.setattr("gateway.http.console.sessions.time", lambda: opened_at)
    await browser.sign_in("demo")
    assert (await browser.get("/console")).status_code == status


async def test_session_is_void_when_the_operator_has_a_new_secret(portal: Portal, demo: Browser) -> None:
    path = portal.service.settings.secrets / "operators" / "demo"
    path.write_text("another-secret-of-demo-0123456789")
    read_secret.cache_clear()  # a process reads each secret once: this stands for the restart
    assert (await demo.get("/console")).status_code == 303


async def test_forged_cookie_opens_nothing(browser: Browser) -> None:
    now = int(time.time())
    claims = {"aud": "amtsbote-console", "sub": "demo", "iat": now, "exp": now + 60, "jti": "x"}
    forged = [
        jwt.encode(claims, "a key that somebody guessed, long enough", "HS256", headers={"kid": "demo"}),
        jwt.encode(claims, None, "none", headers={"kid": "demo"}),
        "x.y.z",
    ]
    for cookie in forged:
        browser.http.cookies.set(COOKIE, cookie, domain="amtsbote.example", path="/console")
        assert (await browser.get("/console")).status_code == 303


async def test_access_token_of_a_client_opens_nothing(portal: Portal, browser: Browser) -> None:
    token = (await portal.sign_in("demo-portal")).json()["access_token"]
    browser.http.cookies.set(COOKIE, token, domain="amtsbote.example", path="/console")
    assert (await browser.get("/console")).status_code == 303


async def test_sign_in_must_wait_when_it_failed_too_often(browser: Browser) -> None:
    for _ in range(MAX_FAILURES):
        assert (await browser.sign_in("demo", "not-the-secret-of-demo")).status_code == 403
    answer = await browser.sign_in("demo")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert COOKIE not in browser.http.cookies
    assert (await browser.sign_in("muster")).status_code == 303
