"""Hostile messages of every kind, and what the worst of them costs: time, and memory on top.

Run in a process of its own, whose peak of memory is that of one message at a time.
"""

import ctypes
import gc
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.bench_xml import SAMPLE, TODAY
from benchmarks.figures import Figure, Wanted
from benchmarks.message import message_maker
from gateway.errors import Problem
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import DEFAULT_LIMITS, MAX_TREE

_ROOT = Path(__file__).parents[1]
_C = ctypes.CDLL(None)


def measure() -> list[Figure]:
    """Read every hostile message in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    costs: dict[str, list[float]] = json.loads(done.stdout)
    for name, (seconds, mib) in sorted(costs.items(), key=lambda each: -each[1][0]):
        print(f"  {name:32} {seconds:6.2f} s {mib:6.1f} MiB")
    return [
        Figure(
            "hostile.time",
            max(seconds for seconds, _ in costs.values()),
            "s",
            wanted=Wanted(2, at_most=True, of_value=True),
        ),
        Figure(
            "hostile.memory",
            max(mib for _, mib in costs.values()),
            "MiB",
            wanted=Wanted(64, at_most=True, of_value=True),
        ),
    ]


def messages() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each; all are as large as a message may be, where size is what hurts."""
    size = DEFAULT_LIMITS.max_bytes - 4096
    valid = message_maker()()
    end = b"</u:urkunde.anforderung.0101>"
    head = valid[: valid.index(b"<nachrichtenkopf.g2g>")]
    start = head + b"<u:rahmen>"

    def filled(part: bytes, count: int) -> bytes:
        return valid.replace(end, part * min(count, (size - len(valid)) // len(part)) + end)

    yield "valid", valid
    yield "doctype with entities", b'<!DOCTYPE a [<!ENTITY a "' + b"a" * size + b'">]>' + valid
    yield "prolog of comments", b"<!---->" * (size // 7) + valid
    yield "prolog of instructions", b"<?a ?>" * (size // 6) + valid
    yield "depth", head + b"<a>" * (size // 3)
    yield (
        "attributes",
        head + b"<a " + b" ".join(b'a%d=""' % each for each in range(size // 12)) + b"/>" + end,
    )
    broad = b"<a " + b" ".join(b"a%d=''" % each for each in range(250)) + b"/>"
    yield "attributes of many elements", filled(broad, MAX_TREE // 251 - 4)
    padded = broad.replace(b"''", b"' 2024-01-01 '")
    yield "attributes of many elements, padded", filled(padded, MAX_TREE // 251 - 4)
    yield "attributes of more elements than taken", filled(broad, size)
    yield (
        "namespaces",
        head + b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(size // 20)) + b"/>" + end,
    )
    yield (
        "one long text",
        valid.replace(b"</u:verwendungszweck>", b"x" * (size - len(valid)) + b"</u:verwendungszweck>"),
    )
    umlauts = "ä".encode() * ((size - len(valid)) // 2)
    yield (
        "one long text of umlauts",
        valid.replace(b"</u:verwendungszweck>", umlauts + b"</u:verwendungszweck>"),
    )
    every = "".join(map(chr, [*range(0xA0, 0xD800), *range(0xE000, 0xFFFE), *range(0x10000, 0x1E0000 // 2)]))
    yield (
        "every character",
        valid.replace(b"</u:verwendungszweck>", every.encode() + b"</u:verwendungszweck>"),
    )
    numbers = b"".join(b"&#%d;" % each for each in range(0x10000, 0x10FFFF))[: size - len(valid)]
    numbers = numbers[: numbers.rindex(b"&")]
    yield "every number", valid.replace(b"</u:verwendungszweck>", numbers + b"</u:verwendungszweck>")
    yield "one long attribute", head.replace(b'produkt="', b'produkt="' + b"x" * (size - len(valid)), 1) + end
    yield "one long name", head + b"<" + b"a" * size + b"/>" + end
    yield "empty elements", filled(b"<a/>", MAX_TREE - 2000)
    yield "empty elements and texts", filled(b"<a/>" + b"x" * 17, MAX_TREE - 2000)
    yield "attributes and texts", filled(b'<a b="xxxxxxxxxxxxxxxxx"/>' + b"x" * 17, MAX_TREE // 2 - 1000)
    yield "valid, as many tags as taken", _full()
    yield "empty elements, more than taken", filled(b"<a/>", size)
    yield "unknown elements with text", filled(b"<u:unbekannt>ein Text</u:unbekannt>", MAX_TREE // 2 - 1000)
    yield (
        "codes of unknown lists",
        filled(b'<u:c listURI="urn:x" listVersionID="1"><code>1</code></u:c>', MAX_TREE // 6 - 1000),
    )
    yield "participants without anything", filled(b"<u:beteiligter/>", MAX_TREE - 2000)
    yield (
        "ids that are all the same",
        filled(b'<u:beteiligter xml:id="a"><b:id>B1</b:id></u:beteiligter>', MAX_TREE // 5 - 1000),
    )
    yield (
        "unknown types",
        filled(
            b'<u:beteiligter xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x"/>',
            MAX_TREE // 3 - 1000,
        ),
    )
    yield "nested where none belong", start + b"<u:rahmen>" * 60 + b"</u:rahmen>" * 60
    yield (
        "references to characters",
        valid.replace(
            b"</u:verwendungszweck>", b"&#228;" * ((size - len(valid)) // 6) + b"</u:verwendungszweck>"
        ),
    )
    yield "text that nearly fits a pattern", valid.replace(b"<b:leistung>", b"<b:leistung>" + b"9" * 100_000)
    yield "cut off", valid[: len(valid) // 2]
    yield "bytes", bytes(range(256)) * (size // 256)


def _full() -> bytes:
    """Return a valid message of so many parts that no more would be taken."""
    body = SAMPLE.read_bytes()
    found = re.search(rb"  <u:urkunde>.*?</u:urkunde>\n", body, re.DOTALL)
    if found is None:
        raise RuntimeError(f"{SAMPLE.name} has no part to repeat")
    count = (MAX_TREE - 2000) // (found[0].count(b"<") + found[0].count(b"="))
    return body.replace(found[0], found[0] * count)


def _cost() -> dict[str, tuple[float, float]]:
    catalogue = Catalogue.load([data_folder("schemas")])
    costs = {}
    for name, body in messages():
        _read(catalogue, body)
        gc.collect()
        _C.malloc_trim(0)  # what the allocator keeps would hide what the message takes
        before = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        started = time.perf_counter()
        _read(catalogue, body)
        costs[name] = (time.perf_counter() - started, max(0, _resident("VmHWM") - before))
    return costs


def _read(catalogue: Catalogue, body: bytes) -> None:
    with suppress(Problem):
        catalogue.read(body, today=TODAY)


def _resident(name: str) -> float:
    """Return a figure of this process's memory, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {name}")


if __name__ == "__main__":
    print(json.dumps(_cost()))
