"""What business rules cost: a whole `Catalogue.read` of a message of 60 kB with several hundred rules, warm.

The message is a sample of xparken with more applicants. The rules are made up: 20 patterns of 20 rules, each
for another element, with tests of the kinds that published rules have. Other files can be named.

    python -m benchmarks.bench_rules [--rounds 1000] [--rules rules.sch … --file message.xml]
"""

import argparse
import datetime
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import parse
from gateway.xml.rules import RuleFile, Rules

SAMPLE = data_folder("fixtures") / "xparken" / "1.0" / "valid" / "01-neu-online.xml"
MESSAGE_BYTES = 60_000
PATTERNS = 20
_STRETCH = 100
"""Calls, of which the percentile is worth something by itself."""
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


def percentiles(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return median and 95th percentile in milliseconds, after the first calls.

    Of several stretches the quietest counts: whoever shares the machine makes single calls, and with them the
    percentile, up to twice as long. Saxon sweeps its heap every few calls, so that each stretch has that.
    """
    times = []
    for _ in range(rounds + 20):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    stretches = [times[start : start + _STRETCH] for start in range(20, len(times), _STRETCH)]
    p95, median = min((statistics.quantiles(each, n=20)[-1], statistics.median(each)) for each in stretches)
    return median, p95


def write_standard(schemas: Path) -> Path:
    """Write our standards with as many rules for the sample's, and return the folder of that one."""
    shutil.copytree(data_folder("schemas"), schemas)
    standard = schemas / "xparken" / "1.0"
    (standard / "rules" / "xparken.sch").write_text(many_rules(), encoding="utf-8")
    return standard


def measure(rounds: int) -> list[dict[str, object]]:
    """Read the long message with and without rules."""
    body = long_message()
    with tempfile.TemporaryDirectory() as folder:
        schemas = Path(folder, "schemas")
        manifest = write_standard(schemas) / "standard.yaml"
        ruled = Catalogue.load([schemas])
        plain_text = manifest.read_text(encoding="utf-8").replace("  - {file: rules/xparken.sch}", "  []")
        manifest.write_text(plain_text, encoding="utf-8")
        plain = Catalogue.load([schemas])
        return [
            _figure("rules.read_60_kB", *percentiles(lambda: ruled.read(body, today=TODAY), rounds)),
            _figure("rules.read_60_kB_without", *percentiles(lambda: plain.read(body, today=TODAY), rounds)),
        ]


def measure_files(rounds: int, rules: list[Path], file: Path) -> list[dict[str, object]]:
    """Run rules by themselves on a message."""
    body = file.read_bytes()
    them = Rules([RuleFile(path, path.parents[1]) for path in rules], {})
    return [_figure(f"rules.{file.stem}", *percentiles(lambda: them.find(parse(body), body), rounds))]


def _figure(name: str, median: float, p95: float) -> dict[str, object]:
    return {"name": name, "value": round(median, 2), "p95": round(p95, 2), "unit": "ms"}


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=1000)
    options.add_argument("--rules", type=Path, nargs="+")
    options.add_argument("--file", type=Path)
    chosen = options.parse_args()
    if chosen.rules:
        figures = measure_files(chosen.rounds, chosen.rules, chosen.file)
    else:
        figures = measure(chosen.rounds)
    for each in figures:
        print(json.dumps(each))
