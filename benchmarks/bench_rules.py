"""What business rules cost: a whole `Catalogue.read` of a message of 60 kB with several hundred rules, warm.

The message is a sample of xparken with more applicants. The rules are made up: 20 patterns of 20 rules, each
for another element, with tests of the kinds that published rules have. One in fourteen has a regular
expression; of the 60 tests that XBau 2.6, XSchule and XHochschule publish 4 have one, of the 1,034 that
EN 16931 (UBL) and XRechnung have, 6. But nearly every element is asked by twenty of these rules. Other files
can be named.

    python -m benchmarks.bench_rules [--stretches 10] [--rules rules.sch … --file message.xml]
"""

import argparse
import datetime
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import parse
from gateway.xml.rules import RuleFile, Rules

SAMPLE = data_folder("fixtures") / "xparken" / "1.0" / "valid" / "01-neu-online.xml"
MESSAGE_BYTES = 60_000
PATTERNS = 20
_STRETCH, _WARM = 100, 20
"""Calls: so many that the percentile is worth something by itself, and the first ones."""
TODAY = datetime.date(2026, 6, 1)

_HEAD = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<ns prefix="p" uri="urn:amtsbote:xparken:1.0"/><ns prefix="b" uri="urn:amtsbote:xbasis:1.0"/>"""
_PARENTS = (
    "p:beteiligter", "b:rolle", "b:natuerlichePerson", "b:geburtsdatum", "b:geburtsort",
    "b:staatsangehoerigkeit", "b:anschrift", "b:inland", "b:identifizierung", "kanal",
)  # fmt: skip
_ABOUT_PARENTS = (
    "exists(ancestor::p:bewohnerparken.antrag.0101/p:zone[code = ('MS-A', 'MS-B')])",
    "if (code = ('001', '002')) then exists(../b:familienname) else true()",
    "count(*) le 20 and not(@unbekannt)",
    "every $each in .//b:id satisfies string-length($each) le 50",
)
_LEAVES = (
    "b:familienname", "b:vornamen", "b:rufname", "b:strasse", "b:hausnummer", "b:plz", "b:ort", "b:ars",
    "b:vertrauensniveau", "kennung",
)  # fmt: skip
_ABOUT_LEAVES = (
    "string-length(normalize-space(.)) le 120",
    "matches(., '^\\S(.*\\S)?$')",
    "not(. = '') and (../b:plz or not(../b:postfach))",
    "not(contains(., 'ZZZ')) or ancestor::p:beteiligter/b:rolle/code = 'antragsteller'",
    "not(not(*) and normalize-space(.) = '')",
    "count(../b:plz) le 1",
    "(exists(../b:plz) and ends-with(../code, 'unbekannt')) or not(ends-with(../code, 'unbekannt'))",
)


def long_message() -> bytes:
    """Return the sample with so many applicants that it has 60 kB."""
    body = SAMPLE.read_bytes()
    return with_applicants(1 + -(-(MESSAGE_BYTES - len(body)) // len(applicant(body))))


def applicant(body: bytes) -> bytes:
    """Return the applicant of the sample."""
    [person] = re.findall(rb"  <p:beteiligter>\n    <b:id>.*?</p:beteiligter>\n", body, re.DOTALL)
    return bytes(person)


def with_applicants(count: int, change: Callable[[bytes], bytes] = bytes) -> bytes:
    """Return the sample with so many applicants; all but the first are changed."""
    body = SAMPLE.read_bytes()
    person = applicant(body)
    others = [change(person).replace(b">B1<", b">B%d<" % number) for number in range(2, count + 1)]
    return body.replace(person, b"".join([person, *others]))


def many_rules() -> str:
    """Return a schema with a few hundred rules."""
    kinds = [(_PARENTS, _ABOUT_PARENTS), (_LEAVES, _ABOUT_LEAVES)]
    patterns = []
    for pattern in range(PATTERNS):
        rules = [
            f'<rule context="{context}"><assert id="R-{pattern}-{context}" '
            f'test="{tests[(pattern + number) % len(tests)]}">Regel</assert></rule>'
            for contexts, tests in kinds
            for number, context in enumerate(contexts)
        ]
        patterns.append(f'<pattern id="p{pattern}">{"".join(rules)}</pattern>')
    return f"{_HEAD}{''.join(patterns)}</schema>"


class Stretch(NamedTuple):
    """A hundred calls with rules, and as many without them right after: milliseconds."""

    p95: float
    median: float
    without: float


def quietest(stretches: Iterable[Stretch]) -> Stretch:
    """Return the stretch whose percentile is least.

    Whoever shares the machine makes single calls, and with them the percentile, up to twice as long. Saxon
    sweeps its heap every few calls, so that each stretch has that.
    """
    return min(stretches)


def _times(call: Callable[[], object], count: int = _STRETCH) -> list[float]:
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - start))
    return taken


def write_standard(schemas: Path) -> Path:
    """Write our standards with as many rules for the sample's, and return the folder of that one."""
    shutil.copytree(data_folder("schemas"), schemas)
    standard = schemas / "xparken" / "1.0"
    (standard / "rules" / "xparken.sch").write_text(many_rules(), encoding="utf-8")
    return standard


def measure(count: int) -> list[Stretch]:
    """Read the long message with and without rules, in so many stretches, once both are warm."""
    body = long_message()
    with tempfile.TemporaryDirectory() as folder:
        schemas = Path(folder, "schemas")
        manifest = write_standard(schemas) / "standard.yaml"
        ruled = Catalogue.load([schemas])
        plain_text = manifest.read_text(encoding="utf-8").replace("  - {file: rules/xparken.sch}", "  []")
        manifest.write_text(plain_text, encoding="utf-8")
        plain = Catalogue.load([schemas])

        def without() -> object:
            return plain.read(body, today=TODAY)

        return _stretches(count, lambda: ruled.read(body, today=TODAY), without)


def measure_files(count: int, rules: list[Path], file: Path) -> list[Stretch]:
    """Run rules by themselves on a message, in so many stretches; beside it, it is parsed."""
    body = file.read_bytes()
    them = Rules([RuleFile(path, path.parents[1]) for path in rules], {})
    return _stretches(count, lambda: them.find(parse(body), body), lambda: parse(body))


def _stretches(count: int, ruled: Callable[[], object], plain: Callable[[], object]) -> list[Stretch]:
    _times(ruled, _WARM)
    _times(plain, _WARM)
    stretches = []
    for _ in range(count):
        taken, without = _times(ruled), _times(plain)
        p95 = statistics.quantiles(taken, n=20)[-1]
        stretches.append(Stretch(p95, statistics.median(taken), statistics.median(without)))
    return stretches


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--stretches", type=int, default=10)
    options.add_argument("--rules", type=Path, nargs="+")
    options.add_argument("--file", type=Path)
    chosen = options.parse_args()
    if chosen.rules:
        measured = measure_files(chosen.stretches, chosen.rules, chosen.file)
    else:
        measured = measure(chosen.stretches)
    print(json.dumps({name: round(value, 2) for name, value in quietest(measured)._asdict().items()}))
