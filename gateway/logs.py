"""Logging: one JSON object a line on standard error; ids, codes and sizes only."""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

import structlog
from pydantic_core import to_json


def configure_logs(level: str) -> None:
    """Send every log line through structlog to standard error.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_exception,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # One write for a line; `print` takes two.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module; what they say is for developers.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryFormatter())
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])
    # What is away is said once by us; these say it at every try, with tracebacks.
    for name in ("aiormq", "aio_pika", "psycopg"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _to_json(event: Mapping[str, Any], **_: object) -> str:
    """Write an event; what is no plain value as Python shows it, which is without what `repr` leaves out."""
    if all(isinstance(value, _PLAIN) for value in event.values()):
        with suppress(ValueError):  # text that is no Unicode, such as a file name
            return to_json(event).decode()
    return json.dumps(event, default=repr)


_PLAIN = (str, int, float, type(None))


class _LibraryFormatter(logging.Formatter):
    """Prints what a library says, without what an exception or an object quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the message, then the exception by its class and frames."""
        text = record.getMessage().rstrip()
        if record.name == "asyncio":
            # The rest shows futures with their results, and callbacks with their arguments.
            text = re.split(r"[\n(<]", text, maxsplit=1)[0].rstrip()
        # Not `super().format`: it takes over what another handler has made of the exception.
        error = record.exc_info[1] if record.exc_info else None
        return "\n".join([text, type(error).__name__, *_frames(error)]) if error else text


def _frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]


def _name_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Say which exception came from where; its message may quote what somebody wrote, so it is left out."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        event["frames"] = _frames(error)
    return event
