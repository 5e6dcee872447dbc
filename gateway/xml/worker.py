"""The process that runs XSLT, for `workers`: it is given text and gives text back, and can do nothing else.

It is started by its path and imports nothing of the gateway. Its standard input is a file in memory, into
which the gateway writes a document and from which Saxon reads it: as text it would be there four times, in
Python's and Java's strings. The kernel refuses what stylesheets may not do: while one is compiled or runs, no
file and no socket is opened; none is ever written; there is no more memory; and a task that takes too long
ends the process, even where the gateway is gone. Saxon's configuration refuses the same, but for reading
files: it can only allow all or none.
"""

import os
import re
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

COMPILE, RUN, DONE, FAILED, UNREAD = range(5)
"""What is asked: the seconds that it may take, of a processor and in all; then a stylesheet, or numbers of
stylesheets to run on the document. What is answered: results, or what went wrong and at which of these, or
why the document cannot be read."""

FIRST_DOCUMENT = b"<nothing/>"
"""What the file holds when the process starts."""

RESULT_BYTES = 16 * 1024 * 1024
"""What stylesheets may write together, such as a message in another version; the rest is cut off, so that it
is no XML any more."""

_DOCUMENT = "/proc/self/fd/0"
"""Also what rules take for its address, so it is the same in every worker."""
_HEAD = struct.Struct(">BI")
_NUMBER = struct.Struct(">I")
# What Saxon reports of a run, without its sentences, which repeat the message: `FORG0001`, and `on line 12`.
_CODE = re.compile(rb"^\s*((?:X[PTQS]|FO|SX)[A-Z]{2}\d{4})\b", re.MULTILINE)
_LINE = re.compile(rb"\bon line \d+")
_REPORT_BYTES = 64 * 1024
_CONFIGURATION = {
    "http://saxon.sf.net/feature/allowedProtocols": "file",
    "http://saxon.sf.net/feature/allow-external-functions": "false",
    "http://saxon.sf.net/feature/disableXslEvaluate": "true",
    # The gateway's own parser has limits; two of Java's are narrower than these: 0 is none.
    "http://saxon.sf.net/feature/parserProperty?uri=jdk.xml.elementAttributeLimit": "0",
    "http://saxon.sf.net/feature/parserProperty?uri=jdk.xml.maxXMLNameLimit": "0",
}
_NOTHING = '<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>'


def send(channel: socket.socket, kind: int, parts: Sequence[bytes]) -> None:
    """Send one message: its kind and parts of any size."""
    channel.sendall(_HEAD.pack(kind, len(parts)))
    for part in parts:
        channel.sendall(_NUMBER.pack(len(part)))
        channel.sendall(part)


def receive(
    channel: socket.socket, max_bytes: int, max_parts: int, until: float | None = None
) -> tuple[int, list[bytearray]]:
    """Receive one message.

    Args:
        until: a time of `time.monotonic`, after which nothing is waited for; None: whenever it comes.

    Raises:
        EOFError: the other side has gone.
        TimeoutError: it has not come in time.
        ValueError: it is larger than it may be.
    """
    kind, count = _HEAD.unpack(_receive_exactly(channel, _HEAD.size, until))
    if count > max_parts:
        raise ValueError("too many parts")
    parts: list[bytearray] = []
    for _ in range(count):
        [size] = _NUMBER.unpack(_receive_exactly(channel, _NUMBER.size, until))
        max_bytes -= size
        if max_bytes < 0:
            raise ValueError("too large")
        parts.append(_receive_exactly(channel, size, until))
    return kind, parts


def _receive_exactly(channel: socket.socket, size: int, until: float | None) -> bytearray:
    body = bytearray(size)
    received = 0
    while received < size:
        if until is not None:
            channel.settimeout(max(until - time.monotonic(), 0.001))
        count = channel.recv_into(memoryview(body)[received:])
        if not count:
            raise EOFError
        received += count
    return body


class _Engine:
    """Saxon, with the stylesheets that it has compiled."""

    def __init__(self) -> None:
        from saxonche import PySaxonProcessor  # after the limit of memory is set

        self._saxon = PySaxonProcessor(license=False)
        for name, value in _CONFIGURATION.items():
            self._saxon.set_configuration_property(name, value)
        self._compiler = self._saxon.new_xslt30_processor()
        self._stylesheets: list[Any] = []
        # Once before the door is shut: the engine opens some files of its own.
        node = self._saxon.parse_xml(xml_file_name=_DOCUMENT)
        self._compiler.compile_stylesheet(stylesheet_text=_NOTHING).transform_to_string(xdm_node=node)
        next_file = os.dup(0)
        os.close(next_file)
        self._one_file = next_file + 1
        _limit(resource.RLIMIT_NOFILE, 0, self._one_file)

    def compile(self, stylesheet: str) -> None:
        """Compile a stylesheet, which gets the next number."""
        compiled = self._compiler.compile_stylesheet(stylesheet_text=stylesheet)
        compiled.set_property("!encoding", "UTF-8")  # saxonche reads the result as such, whatever it is
        self._stylesheets.append(compiled)

    def read(self) -> Any:
        """Parse the document; lxml wrote it, so it asks for no other file."""
        _limit(resource.RLIMIT_NOFILE, self._one_file, self._one_file)
        try:
            return self._saxon.parse_xml(xml_file_name=_DOCUMENT)
        finally:
            _limit(resource.RLIMIT_NOFILE, 0, self._one_file)

    def run(self, number: int, document: Any) -> str:
        """Run a stylesheet on a document."""
        return self._stylesheets[number].transform_to_string(xdm_node=document) or ""


class _Reports:
    """What Saxon says of a run: it says it on the standard error, with values of the document in it."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        for end in (self._reader, writer):
            os.set_blocking(end, False)  # what is too much is lost
        os.dup2(writer, 2)
        os.close(writer)

    def take(self) -> bytes:
        """Return the codes and the first line of what has been said since, and forget the rest."""
        try:
            said = os.read(self._reader, _REPORT_BYTES)
        except BlockingIOError:
            return b""
        return b" ".join([*dict.fromkeys(_CODE.findall(said)), *_LINE.findall(said)[:1]])


def _compile(engine: _Engine, stylesheet: str) -> tuple[int, list[bytes]]:
    try:
        engine.compile(stylesheet)
    except Exception as error:
        return FAILED, [str(error).encode(), b"0"]
    return DONE, []


def _run(engine: _Engine, reports: _Reports, numbers: list[int]) -> tuple[int, list[bytes]]:
    reports.take()
    try:
        document = engine.read()
    except Exception:
        return UNREAD, [reports.take()]
    results: list[bytes] = []
    left = RESULT_BYTES
    try:
        for number in numbers:
            results.append(engine.run(number, document).encode()[:left])
            left -= len(results[-1])
    except Exception:
        return FAILED, [reports.take(), str(len(results)).encode()]
    return DONE, results


def _limit(kind: int, value: int, at_most: int | None = None) -> None:
    resource.setrlimit(kind, (value, value if at_most is None else at_most))


def serve(channel: socket.socket, memory_limit_bytes: int) -> None:
    """Answer until the gateway has gone.

    Args:
        memory_limit_bytes: of data; the address space that Saxon reserves says nothing.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_DATA, memory_limit_bytes)
    reports = _Reports()
    engine = _Engine()
    while True:
        kind, (processor_s, limit_s, *parts) = receive(channel, sys.maxsize, sys.maxsize)
        # Nobody handles these signals, so the kernel ends the process, whatever it is busy with.
        signal.setitimer(signal.ITIMER_PROF, float(processor_s))
        signal.setitimer(signal.ITIMER_REAL, float(limit_s))
        if kind == COMPILE:
            answer = _compile(engine, parts[0].decode())
        else:
            answer = _run(engine, reports, [int(each) for each in parts])
        send(channel, *answer)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    try:
        serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
    except (EOFError, ConnectionError):
        os._exit(0)
