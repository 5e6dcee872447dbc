"""Hostile messages of every kind, and what the worst of them costs: time, and memory on top.

Run in a process of its own, whose peak of memory is that of one message at a time; the worker that runs
business rules and conversions is a process by itself.
"""

import asyncio
import ctypes
import gc
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import structlog

from benchmarks import bench_rules
from benchmarks.bench_xml import SAMPLE, TODAY
from benchmarks.figures import Figure, Wanted
from benchmarks.message import message_maker
from gateway.errors import Problem
from gateway.standards import Catalogue, conversion
from gateway.standards.conversion import Converter
from gateway.xml.parse import DEFAULT_LIMITS, MAX_TREE
from gateway.xml.workers import shared_workers

_ROOT = Path(__file__).parents[1]
_C = ctypes.CDLL(None)
_SIZE = DEFAULT_LIMITS.max_bytes - 4096
_WARM = 30
"""Ordinary messages with rules: Saxon's heap grows before it is first swept."""
_TYPE, _SERVES = "xurkunde:1.1:urkunde.anforderung.0101", ["xurkunde:1.0:*"]
_SMALL = 200_000
"""Bytes of a message that is none of the large ones."""


def measure() -> list[Figure]:
    """Read every hostile message in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    costs = {name: _Cost(*cost) for name, cost in json.loads(done.stdout).items()}
    for name, cost in sorted(costs.items(), key=lambda each: -each[1].seconds):
        worker = "was ended" if cost.of_worker is None else f"{cost.of_worker:6.1f} MiB"
        print(f"  {name:42} {cost.outcome:15} {cost.seconds:6.2f} s {cost.mib:6.1f} MiB, worker {worker}")
    of_workers = [each.of_worker for each in costs.values() if each.of_worker is not None]
    if len(of_workers) < len(costs):
        print(
            "  hostile.memory_of_worker leaves out workers that were ended: this machine is too slow for it"
        )
    return [
        _worst("hostile.time", "s", (each.seconds for each in costs.values()), 2),
        _worst("hostile.memory", "MiB", (each.mib for each in costs.values()), 64),
        _worst("hostile.memory_of_worker", "MiB", of_workers, 64),
    ]


class _Cost(NamedTuple):
    """What becomes of a message, and what it takes: seconds, MiB here and in the worker that runs rules.

    The file through which a worker gets it is as large as the message, and in neither. Of a worker that was
    ended nobody can say it any more.
    """

    outcome: str
    seconds: float
    mib: float
    of_worker: float | None = None


def _worst(name: str, unit: str, values: Iterable[float], bound: float) -> Figure:
    return Figure(name, max(values), unit, wanted=Wanted(bound, at_most=True, of_value=True))


def messages() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each; all are as large as a message may be, where size is what hurts."""
    size = _SIZE
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
    numbers = b"".join(b"&#%d;" % each for each in range(0x10000, 0x10FFFF))[: size // 2 - len(valid)]
    numbers = numbers[: numbers.rindex(b"&")]
    yield "every number", valid.replace(b"</u:verwendungszweck>", numbers + b"</u:verwendungszweck>")
    yield "one long attribute", head.replace(b'produkt="', b'produkt="' + b"x" * (size - len(valid)), 1) + end
    yield "one long name", head + b"<" + b"a" * size + b"/>" + end
    yield "empty elements", filled(b"<a/>", MAX_TREE - 2000)
    yield "empty elements and texts", filled(b"<a/>" + b"x" * 17, MAX_TREE - 2000)
    yield "attributes and texts", filled(b'<a b="xxxxxxxxxxxxxxxxx"/>' + b"x" * 17, MAX_TREE // 2 - 1000)
    yield "valid, as many tags as taken", _full(MAX_TREE - 2000)
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
    strangers = b"".join(
        b'<x%d:beteiligter xmlns:x%d="urn:x"/>' % (n, n) for n in range(MAX_TREE // 2 - 1000)
    )
    yield "a wrong namespace by many prefixes", valid.replace(end, strangers + end)
    person = _part(valid, rb"  <u:beteiligter>.*?</u:beteiligter>\n")
    count = (MAX_TREE - 2000) // (person.count(b"<") + person.count(b"="))
    nearly = (re.sub(rb"(</?b:\w\w)", rb"\g<1>%d" % number, person) for number in range(count))
    yield "names that are nearly right, each another", valid.replace(person, b"".join(nearly))
    unwrapped = re.sub(rb"</?b:(natuerlichePerson|geburtsdatum|anschrift|inland)>", b"", person)
    yield "elements around others forgotten", valid.replace(person, unwrapped * count)
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


def _full(tags: int) -> bytes:
    """Return a valid message of as many tags and attributes."""
    body = SAMPLE.read_bytes()
    found = _part(body, rb"  <u:urkunde>.*?</u:urkunde>\n")
    count = tags // (found.count(b"<") + found.count(b"="))
    return body.replace(found, found * count)


def _part(body: bytes, pattern: bytes) -> bytes:
    found = re.search(pattern, body, re.DOTALL)
    if found is None:
        raise RuntimeError(f"{SAMPLE.name} has no part to repeat")
    return found[0]


def ruled_messages() -> Iterator[tuple[str, bytes]]:
    """Yield those that several hundred rules, some of which look at all of a message, are asked about."""
    person = bench_rules.applicant(bench_rules.SAMPLE.read_bytes())
    tags = person.count(b"<") + person.count(b"=")
    for share in (4, 2, 1):
        count = MAX_TREE // share // tags - 4
        yield f"rules, all kept, 1/{share} of what is taken", bench_rules.with_applicants(count)
        broken = bench_rules.with_applicants(count, _break)
        yield f"rules, many broken, 1/{share} of what is taken", broken

    body = bench_rules.SAMPLE.read_bytes()
    name = b"<name>neuer Ausweis"
    for kind, text, size in (("letters", "x", _SIZE), ("umlauts", "ä", _SIZE), ("symbols", "😀", _SIZE // 2)):
        long = text.encode() * ((size - len(body)) // len(text.encode()))
        yield f"rules, one long text of {kind}", body.replace(name, name + long)
    mixed = b"x" * (_SIZE // 2 - len(body) - 10) + "😀".encode()
    yield "rules, one long text with a symbol", body.replace(name, name + mixed)


def converted_messages() -> Iterator[tuple[str, bytes]]:
    """Yield valid ones that a destination takes only in the version before."""
    body = SAMPLE.read_bytes()
    for kind, text in (("letters", "x"), ("umlauts", "ä")):
        long = text.encode() * ((conversion.MAX_BYTES - len(body)) // len(text.encode()))
        yield f"conversion, one long text of {kind}", body.replace(b"</name>", long + b"</name>", 1)
    yield "conversion, as many tags as are converted", _full(conversion.MAX_TREE - 2000)


def _break(applicant: bytes) -> bytes:
    """Break as many rules as the schema allows."""
    applicant = applicant.replace(b">antragsteller<", b">gesetzlicher-vertreter<")
    return re.sub(rb"(<b:(?:familienname|vornamen|rufname|strasse)>)", rb"\1 ZZZ", applicant)


def _costs() -> dict[str, _Cost]:
    with tempfile.TemporaryDirectory() as folder:
        schemas = Path(folder, "schemas")
        bench_rules.write_standard(schemas)
        catalogue = Catalogue.load([schemas])
        for _, body in messages():
            if len(body) < _SMALL:  # compiles everything that explains a refusal
                _read(catalogue, body)
        read, convert = partial(_read, catalogue), partial(_convert, catalogue)
        ruled, plain = bench_rules.long_message(), SAMPLE.read_bytes()
        return {
            **{name: _cost(read, body, ruled) for name, body in chain(messages(), ruled_messages())},
            **{name: _cost(convert, body, plain) for name, body in converted_messages()},
        }


def _cost(do: Callable[[bytes], str], body: bytes, ordinary: bytes) -> _Cost:
    """Do it to a message for the first time in a process, and in a worker, that did it to ordinary ones."""
    shared_workers().close()
    for _ in range(_WARM):
        do(ordinary)
    gc.collect()
    _C.malloc_trim(0)  # what the allocator keeps would hide what the message takes
    [worker] = shared_workers().pids
    processes = ["self", str(worker)]
    before = [_resident(each, "VmRSS") for each in processes]
    for process in processes:
        Path("/proc", process, "clear_refs").write_text("5")  # the peak is that of what follows
    started = time.perf_counter()
    with structlog.testing.capture_logs() as logs:
        outcome = do(body)
    seconds = time.perf_counter() - started
    if shared_workers().pids != [worker]:
        reasons = [each["reason"] for each in logs if each["event"] == "rules_unavailable"]
        if reasons != ["a worker takes too long"]:  # which only a machine that is too slow is to blame for
            raise RuntimeError(f"a message of {len(body)} bytes has ended its worker: {reasons}")
        processes = ["self"]
    peaks = [_resident(each, "VmHWM") for each in processes]
    ours, *theirs = (max(0, peak - size) for peak, size in zip(peaks, before, strict=False))
    return _Cost(outcome, seconds, ours, *theirs)


def _read(catalogue: Catalogue, body: bytes) -> str:
    try:
        catalogue.read(body, today=TODAY)
    except Problem as problem:
        return problem.type
    return "accepted"


def _convert(catalogue: Catalogue, body: bytes) -> str:
    asyncio.run(Converter(catalogue, DEFAULT_LIMITS).convert(_TYPE, body, _SERVES))
    return "converted"


def _resident(process: str, name: str) -> float:
    """Return a figure of a process's memory, in MiB."""
    [line] = re.findall(rf"^{name}:\s+(\d+) kB", Path("/proc", process, "status").read_text(), re.MULTILINE)
    return int(line) / 1024


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    print(json.dumps(_costs()))
