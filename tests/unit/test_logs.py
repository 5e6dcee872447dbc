"""What libraries log: where something went wrong, never what somebody wrote."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from gateway.contract.delivery import Delivery
from gateway.contract.message import Message
from gateway.contract.report import Report
from gateway.standards.conversion import Converted

NAME = "Erika Mustermann"
SETUP = """
import asyncio, logging
from gateway.logs import configure_logs
configure_logs("info")
def fail():
    raise ValueError("Erika Mustermann")
"""
# Each a library's way to log, with the text that must be left of it.
WAYS = {
    "future": (
        """
async def main():
    asyncio.get_running_loop().create_future().set_exception(ValueError("Erika Mustermann"))
asyncio.run(main())
""",
        "Future exception was never retrieved\nValueError\n",
    ),
    "callback": (
        """
def called(name):
    fail()
async def main():
    asyncio.get_running_loop().call_soon(called, "Erika Mustermann")
    await asyncio.sleep(0)
asyncio.run(main())
""",
        "Exception in callback called\nValueError\n",
    ),
    "error": (
        'logging.getLogger("asyncio").error("Lost", exc_info=ValueError("Erika Mustermann"))',
        "Lost\nValueError\n",
    ),
    "chain": (
        """
try:
    try:
        fail()
    except ValueError as error:
        raise RuntimeError("of Erika Mustermann") from error
except RuntimeError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application\\n")
""",
        "Exception in ASGI application\nRuntimeError\n",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_library_log_names_class_and_place_only_when_an_exception_quotes_a_name(way: str):
    code, expected = WAYS[way]
    # A process of its own: here the root logger is pytest's already.
    run = subprocess.run([sys.executable, "-c", SETUP + code], capture_output=True, text=True, check=True)
    assert run.stderr.startswith(expected)
    assert NAME not in run.stderr


def test_library_log_says_where_when_an_exception_was_raised():
    code = (
        'try:\n    fail()\nexcept ValueError:\n    logging.getLogger("sqlalchemy.pool").exception("Lost")\n'
    )
    run = subprocess.run([sys.executable, "-c", SETUP + code], capture_output=True, text=True, check=True)
    assert run.stderr.splitlines() == ["Lost", "ValueError", "<string>:8 <module>", "<string>:6 fail"]


OWN = """
from dataclasses import dataclass, field
import structlog
@dataclass
class Posted:
    size: int
    body: bytes = field(repr=False)
log = structlog.get_logger()
log.info("plain", text="Straße", count=2, none=None)
log.info("object", posted=Posted(3, b"Erika Mustermann"), several=["a", "b"])
log.info("no_unicode", path="a\\udc80")
"""


def test_own_event_is_one_line_of_json_without_what_an_object_keeps_to_itself():
    run = subprocess.run([sys.executable, "-c", SETUP + OWN], capture_output=True, text=True, check=True)
    plain, with_object, no_unicode = map(json.loads, run.stderr.splitlines())
    assert (plain["event"], plain["text"], plain["count"], plain["none"]) == ("plain", "Straße", 2, None)
    assert (with_object["posted"], with_object["several"]) == ("Posted(size=3)", ["a", "b"])
    assert no_unicode["path"] == "a\udc80"
    assert NAME not in run.stderr


@pytest.mark.parametrize(
    "holder",
    [
        Converted("xurkunde:1.1:urkunde.anforderung.0101", b"Erika"),
        Message(b"Erika", "id", "application.new", datetime.now(UTC)),
        Delivery.model_construct(body=b"Erika"),
        Report.model_construct(body=b"Erika"),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_what_holds_a_message_prints_without_it(holder: Converted | Message | Delivery | Report) -> None:
    assert "Erika" not in f"{holder} {holder!r}"
