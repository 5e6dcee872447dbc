"""What libraries log: where something went wrong, never what somebody wrote."""

import subprocess
import sys

import pytest

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
