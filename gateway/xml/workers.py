"""Run XSLT in processes of their own, which can hang, die or be greedy without harm to the gateway.

A few workers are started when they are needed, and end with this process. One that does not answer in time
or dies is replaced, and what it was asked is answered with `Unavailable`: nothing is taken for valid because
nobody could look at it. Any number of threads may ask.
"""

import atexit
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import cache
from io import FileIO
from typing import Any, ClassVar

import structlog
from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.errors import AmtsboteError, ConfigurationError, Unavailable
from gateway.xml import worker
from gateway.xml.stylesheet import Stylesheet

PROCESSOR_LIMIT_S = 1.2
"""What a message's rules, or its conversion, may take of a processor, all together. A thousand rules of a
published standard take less for the largest message; one that searches it all for each element takes any."""
TIME_LIMIT_S = 5.0
"""And how long it may take them to get it, on a busy machine."""
COMPILE_LIMIT_S = 60.0
"""What starting a worker and compiling one stylesheet may take: seconds, on a busy machine."""
PATIENCE_S = 15.0
"""How long a message waits for a worker that is free."""
MEMORY_LIMIT_BYTES = 768 * 1024 * 1024
"""For one worker, with all its stylesheets."""
MAX_WORKERS = 4
_MAX_ANSWER_BYTES = worker.RESULT_BYTES + 64 * 1024
"""Results, and how long each of them is."""
_GRACE_S = 1
"""How much later a worker ends itself, where this process is no longer there to end it."""

_log = structlog.get_logger()


class _Trouble(AmtsboteError):
    """A worker has not answered."""


class _Refusal(AmtsboteError):
    """A worker answers that it cannot do what it was asked.

    `number` is that of the stylesheet, None where it is for the document.
    """

    def __init__(self, detail: str, number: int | None) -> None:
        super().__init__(detail)
        self.number = number


class _File(FileIO):
    """Takes all that is written: a file without a buffer may take less, and lxml does not look."""

    def write(self, part: Any, /) -> int:
        left = whole = memoryview(part)
        while left:
            left = left[super().write(left) :]
        return len(whole)


class _Worker:
    """One process; used by one thread at a time."""

    _env: ClassVar = {"LANG": "C.UTF-8"}

    def __init__(self, memory_limit_bytes: int) -> None:
        with ExitStack() as opened:
            self._document = opened.enter_context(_File(os.memfd_create("document"), "w+b"))
            self._document.write(worker.FIRST_DOCUMENT)
            ours, theirs = socket.socketpair()
            self._channel = opened.enter_context(ours)
            # Nothing of our environment, and no share in our terminal: its engine writes there what it likes.
            with theirs:
                channel = theirs.fileno()
                self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and file
                    [sys.executable, "-I", worker.__file__, str(channel), str(memory_limit_bytes)],
                    stdin=self._document,
                    pass_fds=[channel],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=self._env,
                    cwd="/",
                    start_new_session=True,
                )
            self._opened = opened.pop_all()
        self._numbers: dict[str, int] = {}

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not been ended by anybody else, such as a kernel that is short of memory."""
        return self._process.poll() is None

    def compile(self, stylesheet: Stylesheet, limit_s: float) -> None:
        """Compile a stylesheet, once."""
        if stylesheet.key not in self._numbers:
            self._ask(worker.COMPILE, [stylesheet.text.encode()], 0, limit_s, limit_s)
            self._numbers[stylesheet.key] = len(self._numbers)

    def run(
        self, stylesheets: Sequence[Stylesheet], root: etree._Element, limit_s: float, processor_s: float
    ) -> list[bytearray]:
        """Run compiled stylesheets on a document."""
        numbers = [str(self._numbers[each.key]).encode() for each in stylesheets]
        try:
            self._hand_over(root)
            return self._ask(worker.RUN, numbers, len(stylesheets), limit_s, processor_s)
        finally:
            with suppress(OSError, ValueError):  # ValueError: it was closed, as the worker was ended
                self._empty()

    def _hand_over(self, root: etree._Element) -> None:
        try:
            self._empty()
            etree.ElementTree(root).write(self._document, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise _Trouble("could not be given the document") from error

    def _empty(self) -> None:
        self._document.seek(0)
        self._document.truncate()

    def end(self) -> int:
        """End the process at once, and return its exit status."""
        self._process.kill()
        self._opened.close()
        return self._process.wait()

    def _ask(
        self, kind: int, parts: list[bytes], results: int, limit_s: float, processor_s: float
    ) -> list[bytearray]:
        limits = [str(processor_s).encode(), str(limit_s + _GRACE_S).encode()]
        until = time.monotonic() + limit_s
        self._channel.settimeout(limit_s)
        try:
            worker.send(self._channel, kind, [*limits, *parts])
            answer, got = worker.receive(self._channel, _MAX_ANSWER_BYTES, max(results, 2), until)
            if answer == worker.DONE and len(got) == results:
                return got
            refusal = _refusal(kind, answer, got, max(results, 1))
        except TimeoutError as error:
            raise _Trouble("takes too long") from error
        except (OSError, EOFError, ValueError) as error:
            too_long = self.end() in {-signal.SIGPROF, -signal.SIGALRM}
            raise _Trouble("takes too long" if too_long else "has died or answers wrongly") from error
        raise refusal


def _refusal(asked: int, answer: int, parts: list[bytearray], stylesheets: int) -> _Refusal:
    """Understand why a worker could not do what it was asked.

    Raises:
        ValueError: this is no such answer.
    """
    if answer == worker.UNREAD and asked == worker.RUN:
        [reason] = parts
        return _Refusal(reason.decode(), None)
    if answer != worker.FAILED:
        raise ValueError(answer)
    reason, number = parts
    if not 0 <= int(number) < stylesheets:
        raise ValueError(number)
    return _Refusal(reason.decode(), int(number))


class Workers:
    """The workers of one process.

    Args:
        count: how many there are at most; by default one for each processor, at most MAX_WORKERS.
        time_limit_s: what one run may take in all.
        processor_limit_s: what it may take of a processor.
        memory_limit_bytes: what one worker may take.
    """

    def __init__(
        self,
        count: int | None = None,
        *,
        time_limit_s: float = TIME_LIMIT_S,
        processor_limit_s: float = PROCESSOR_LIMIT_S,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> None:
        self.count = count or min(MAX_WORKERS, os.cpu_count() or 1)
        self._time_limit_s = time_limit_s
        self._processor_limit_s = processor_limit_s
        self._memory_limit_bytes = memory_limit_bytes
        self._lock = threading.Lock()
        self._all: set[_Worker] = set()
        # The one used last is used next: it has compiled what is asked for most.
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(self.count):
            self._free.put(None)

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        with self._lock:
            return sorted(each.pid for each in self._all)

    def transform(self, stylesheet: Stylesheet, root: etree._Element) -> bytes:
        """Return what one stylesheet makes of a document, in UTF-8; raises as `run`."""
        return bytes(self.run([stylesheet], root)[0])

    def run(self, stylesheets: Sequence[Stylesheet], root: etree._Element) -> list[bytearray]:
        """Return what each stylesheet makes of a document, all cut off after `worker.RESULT_BYTES`.

        Args:
            root: what `parse` has made of a document: Saxon reads what lxml writes, never what was sent.

        Raises:
            Unavailable: it took too long or too much memory, failed on this document, or no worker is free.
            ConfigurationError: a stylesheet cannot be compiled.
        """
        return self._run(stylesheets, root)

    def compile(self, stylesheet: Stylesheet) -> None:
        """Compile a stylesheet in one of the workers.

        Raises:
            ConfigurationError: it cannot be compiled; with files and lines.
            Unavailable: no worker could do it.
        """
        self._run([stylesheet], None)

    def close(self) -> None:
        """End all workers; they are started again when one is asked."""
        with self._lock:
            ended = list(self._all)
        for each in ended:
            each.end()

    def _run(self, stylesheets: Sequence[Stylesheet], root: etree._Element | None) -> list[bytearray]:
        names, said = [each.name for each in stylesheets], _NOT_DONE
        try:
            return self._with_worker(stylesheets, root)
        except queue.Empty:
            reason = "no worker is free"
        except _Trouble as error:
            reason = f"a worker {error.detail}"
        except _Refusal as error:  # codes and lines only: no value of the document
            if error.number is None:
                reason, said = f"Saxon cannot read the document: {error.detail}", _UNREAD
            else:
                names = [names[error.number]]
                reason = stylesheets[error.number].localise(f"Saxon reports {error.detail}")
                said = _FAILED
        _log.error("rules_unavailable", stylesheets=names, reason=reason)
        raise Unavailable(said)

    def _with_worker(self, stylesheets: Sequence[Stylesheet], root: etree._Element | None) -> list[bytearray]:
        chosen = self._free.get(timeout=PATIENCE_S)
        has_answered = False
        try:
            if chosen and not chosen.is_alive:
                self._end(chosen)
                chosen = None
            chosen = chosen or self._start()
            for each in stylesheets:
                _compile(chosen, each)
            results = []
            if root is not None:
                results = chosen.run(stylesheets, root, self._time_limit_s, self._processor_limit_s)
            has_answered = True
            return results
        except (_Refusal, ConfigurationError):
            has_answered = True
            raise
        finally:  # whatever went wrong: an answer that was not read would be taken for the next one
            if chosen and not has_answered:
                self._end(chosen)
                chosen = None
            self._free.put(chosen)

    def _start(self) -> _Worker:
        try:
            started = _Worker(self._memory_limit_bytes)
        except OSError as error:
            raise _Trouble(f"cannot be started: {error.strerror}") from error
        with self._lock:
            self._all.add(started)
        return started

    def _end(self, broken: _Worker) -> None:
        with self._lock:
            self._all.discard(broken)
        _log.warning("rules_worker_ended", pid=broken.pid, status=broken.end())


def _compile(chosen: _Worker, stylesheet: Stylesheet) -> None:
    try:
        chosen.compile(stylesheet, COMPILE_LIMIT_S)
    except _Refusal as error:
        raise ConfigurationError(stylesheet.localise(error.detail)) from error


@cache
def shared_workers() -> Workers:
    """Return the workers of this process."""
    workers = Workers()
    atexit.register(workers.close)
    return workers


_NOT_DONE = Bilingual(
    de="Die Geschäftsregeln konnten jetzt nicht geprüft werden; erneutes Senden ist unschädlich.",
    en="The business rules could not be checked now; sending the same again is safe.",
)
_FAILED = Bilingual(
    de="Eine Geschäftsregel des Standards ist an dieser Nachricht gescheitert; der Betreiber sieht, welche. "
    "Erneutes Senden ist unschädlich, hilft aber erst, wenn die Regel oder die Nachricht geändert ist.",
    en="A business rule of the standard has failed on this message; the operator sees which. Sending the "
    "same again is safe, but helps only once the rule or the message is changed.",
)
_UNREAD = Bilingual(
    de="Die Geschäftsregeln konnten nicht geprüft werden: ihr Prüfprogramm kann diese Nachricht nicht lesen, "
    "etwa wegen eines Zeichens in einem Namen, das es nicht kennt. Erneutes Senden ist unschädlich, hilft "
    "aber erst, wenn die Nachricht geändert ist.",
    en="The business rules could not be checked: the program that runs them cannot read this message, for "
    "instance because of a character in a name that it does not know. Sending the same again is safe, but "
    "helps only once the message is changed.",
)
