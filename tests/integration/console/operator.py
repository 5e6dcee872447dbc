"""An operator's browser: keeps cookies, posts forms the way browsers do, reads pages as HTML."""

from typing import Any

import httpx2
from fastapi import FastAPI
from lxml import html

BASE = "https://amtsbote.example"


def secret_of(name: str) -> str:
    return f"operator-secret-of-{name}-0123456789"


class Browser:
    """One browser; `base` decides by which scheme it reaches the console."""

    def __init__(self, app: FastAPI, base: str = BASE) -> None:
        self.base = base
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=base)

    async def get(self, path: str) -> httpx2.Response:
        return await self.http.get(path)

    async def post(
        self, path: str, fields: dict[str, str], *, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        own = {"Origin": self.base, "Sec-Fetch-Site": "same-origin"} if headers is None else headers
        return await self.http.post(path, data=fields, headers=own)

    async def form(self, action: str, page: str = "/console") -> dict[str, str]:
        """Read the fields that a form on a page already has."""
        tree = html.fromstring((await self.get(page)).text)
        (form,) = (each for each in tree.forms if each.action == action)
        return {name: value for name, value in form.form_values() if value}

    async def sign_in(self, name: str, secret: str | None = None, **changes: str) -> httpx2.Response:
        fields = await self.form("/console/login", "/console/login")
        fields |= {"name": name, "secret": secret or secret_of(name)} | changes
        return await self.post("/console/login", fields)

    async def search(self, key: str) -> httpx2.Response:
        return await self.post("/console/search", await self.form("/console/search") | {"key": key})

    async def page(self, path: str = "/console") -> Any:
        """Open a page that must be there."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return html.fromstring(answer.text)


def tables(page: Any) -> dict[str, Any]:
    """Return a page's tables by the German part of their captions."""
    return {_german(table.find("caption")): table for table in page.iter("table")}


def rows(table: Any) -> list[dict[str, str]]:
    """Read a table: each row by the German names of its columns."""
    columns = [_german(each) for each in table.iterfind("thead/tr/th")]
    return [
        dict(zip(columns, (" ".join(cell.text_content().split()) for cell in row), strict=True))
        for row in table.iterfind("tbody/tr")
    ]


def _german(element: Any) -> str:
    return (element.text or "").strip()
