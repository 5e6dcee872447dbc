"""The same message through HTTP, in process, and as the command line reads it: both have to say the same."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fuzz.values import CANARY, NUMBER_CANARY, without_sizes
from gateway.contract.states import Direction
from gateway.errors import Problem
from gateway.http.problems import to_document
from gateway.intake.examine import read
from gateway.standards import Catalogue
from gateway.xml.parse import DEFAULT_LIMITS, parse
from tests.integration.http.portal import Portal, running

_RUECKWEISUNG = {"Accept": "application/xml"}


class Surface:
    """A gateway without relay and adapters, used as a context; its event loop runs while it is asked."""

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self._catalogue = catalogue
        self._folder = folder
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()

    def __enter__(self) -> Self:
        self._portal: Portal = self._runner.run(self._start())
        return self

    async def _start(self) -> Portal:
        gateway = running(self._folder, catalogue=self._catalogue, token_lifetime_s=3600)
        return await self._stack.enter_async_context(gateway)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def check(self, body: bytes, problem: Problem | None) -> Iterator[tuple[str, str]]:
        """Yield kind and detail of each way in which an answer is not what `Catalogue.read` has led to.

        Args:
            problem: what it raised, None where it accepted the message.
        """
        if body:  # without one there is no message
            yield from self._runner.run(self._answers(body, problem))
        yield from self._command(body, problem)

    async def _answers(self, body: bytes, problem: Problem | None) -> list[tuple[str, str]]:
        answer = await self._portal.submit(body, path="/v1/validate")
        if answer.status_code >= 500 or answer.status_code == 401:
            return [(f"HTTP answers {answer.status_code}", answer.text)]
        told = without_sizes(answer.text)
        wrong = [("HTTP repeats a value", told) for each in (CANARY, NUMBER_CANARY) if each in told]
        if problem is None:
            return wrong
        said, expected = answer.json(), json.loads(json.dumps(to_document(problem, "")))
        for name in ("status", "code", "findings", "findings_more", "detail_de"):
            if said.get(name) != expected[name]:
                wrong.append((f"HTTP says another {name}", f"{said.get(name)} instead of {expected[name]}"))
        return wrong + await self._rejection(body)

    async def _rejection(self, body: bytes) -> list[tuple[str, str]]:
        """Have it refused as XML: a Rückweisung is a valid message itself."""
        answer = await self._portal.submit(body, path="/v1/validate", headers=_RUECKWEISUNG)
        if answer.status_code >= 500 or not answer.content.startswith(b"<?xml"):
            return [(f"HTTP answers {answer.status_code} instead of a Rückweisung", answer.text)]
        standard = self._catalogue.fetch("xrueckkanal", "1.0")
        findings = standard.schema.find(parse(answer.content), answer.content) if standard else None
        if findings is None or findings.errors:
            return [("a Rückweisung is not valid", f"{findings}\n{answer.text}")]
        return []

    def _command(self, body: bytes, problem: Problem | None) -> Iterator[tuple[str, str]]:
        said: Any
        try:
            incoming = self._runner.run(read(self._catalogue, body, [], DEFAULT_LIMITS))
        except Problem as caught:
            said = _report(caught)
        else:
            said = None
            if incoming.message_type.direction is Direction.BACK:
                yield "the command line takes an answer as a question", ""
        expected = _report(problem) if problem else None
        if said != expected and (expected or said[0] != "unknown-message-type"):
            yield "the command line says something else", f"{said} instead of {expected}"


def _report(problem: Problem) -> tuple[object, ...]:
    return problem.type, problem.findings, problem.more_findings
