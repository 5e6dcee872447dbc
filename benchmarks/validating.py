"""How fast messages are validated, refusals explained and standards added.

    python -m benchmarks.validating [--quick]

`make bench-validate` runs it with the memory settings of the image. Ratios are of alternating rounds in one
process, warm. Times are wanted absolute where the promise is one to a
person who waits; on a machine that does something else besides they say little. Writes
var/bench-validate.json.
"""

import argparse
import compileall
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import bench_rules, bench_xml, hostile
from benchmarks.amtsbote import Embedded
from benchmarks.bench_xml import SAMPLE, TODAY
from benchmarks.core import Timed, milliseconds, one_core, time_call, whole
from benchmarks.figures import Figure, Wanted, compare, percentile, table, write
from benchmarks.release import write_release
from benchmarks.servers import machine
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.standards.adding import add
from gateway.standards.serving import enable

RESULT = Path("var") / "bench-validate.json"
STANDARDS, _STARTS = 40, 3
_LARGE, _SMALL = 120, 4
"""Message types of a release: XBau 2.6 has 121."""
PUBLISHED = os.environ.get("AMTSBOTE_MATERIAL", "")


def main() -> None:
    """Measure everything and print it."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="few rounds")
    quick = arguments.parse_args().quick
    print(f"{machine()}; {os.environ.get('GLIBC_TUNABLES', 'memory as glibc sets it')}")
    calls = 300 if quick else 600
    rules = bench_rules.measure(calls)  # three times, as the machine is not always busy
    figures = [*_accept(8 if quick else 40), _beside_xmlschema(100)]
    rules += bench_rules.measure(calls)
    with tempfile.TemporaryDirectory(prefix="amtsbote-bench-") as folder:
        figures += [_add(Path(folder) / "add"), _start(Path(folder) / "start")]
    figures += hostile.measure()
    rules += bench_rules.measure(calls)
    figures += _rules(rules)
    print(f"\n{table(figures)}\n")
    write(figures, RESULT)


def _accept(rounds: int) -> list[Figure]:
    wanted = {
        "xml.parse_and_validate": Wanted(1.3, at_most=True),
        "xml.refusal_with_100_findings": Wanted(80_000, at_most=True, of_value=True),
    }
    figures = bench_xml.measure(rounds, SAMPLE)
    return [Figure(**each, wanted=wanted.get(str(each["name"]))) for each in figures]  # type: ignore[arg-type]


def _beside_xmlschema(count: int) -> Figure:
    """Compare the decision, from bytes, with what the other engine needs for its own."""
    body, catalogue = SAMPLE.read_bytes(), Catalogue.load([data_folder("schemas")])
    text, other = body.decode(), catalogue.read(body, today=TODAY).standard.schema.xmlschema

    def decide() -> None:
        opened = catalogue.open(body, today=TODAY)
        if not opened.standard.schema.accepts(opened.root, body):
            raise RuntimeError("the sample was refused")

    with one_core():
        rounds = [(time_call(decide, 200), time_call(lambda: other.is_valid(text), 5)) for _ in range(count)]
    ours, peers = (
        [1000 / each for each in times] for times in milliseconds(whole("beside xmlschema", rounds))
    )
    return compare("validate.beside_xmlschema", "/s", ours, peers, Wanted(40))


def _rules(calls: Sequence[Sequence[Timed]]) -> list[Figure]:
    """Say what a message of 60 kB with 400 rules takes, and how much more that is than without them."""
    (ruled, plain), (of_all, _) = milliseconds(whole("rules", calls)), milliseconds(calls)
    return [
        Figure(
            "rules.read_60_kB.p95",
            percentile(ruled, 95),
            "ms",
            wanted=Wanted(25, at_most=True, of_value=True),
        ),
        Figure("rules.read_60_kB.p95_of_all_calls", percentile(of_all, 95), "ms"),
        compare("rules.read_60_kB.beside_none", "ms", ruled, plain),
    ]


def _add(folder: Path) -> Figure:
    """Add the largest release: of the published ones where they are, else a made-up one of that size."""
    target = folder / "standards"
    target.mkdir(parents=True)
    published = Path(PUBLISHED) / "standards" if PUBLISHED else None
    if published:
        for name in ("common", "xbau-kernmodul-1.3.0"):
            add(published / name, Catalogue.load([target]), target)
    source = published / "xbau-2.6" if published else write_release(folder / "release", messages=_LARGE)
    started = time.perf_counter()
    report = add(source, Catalogue.load([target]), target)
    seconds = time.perf_counter() - started
    print(f"added {report.manifest.standard}: {len(report.manifest.message_types)} message types")
    return Figure("standards.add", seconds, "s", wanted=Wanted(20, at_most=True, of_value=True))


def _start(folder: Path) -> Figure:
    """Start a gateway that serves many standards, until it says that it is ready; the fastest of three times.

    Its modules are compiled, as pip leaves them where it installs; this machine may be told to keep nothing.
    """
    for package in ("gateway", "adapters"):
        compileall.compile_dir(Path(__file__).parents[1] / package, quiet=1)
    gateway = Embedded(folder)
    gateway.installation.set_up()
    standards = folder / "var" / "standards"
    standards.mkdir(parents=True)
    for number in range(STANDARDS):
        source = write_release(folder / "release", number=number, messages=_SMALL)
        add(source, Catalogue.load([]), standards)
        shutil.rmtree(source)
    for standard in Catalogue.load([standards]).standards:
        enable(standard, since=TODAY, until=None, grace_until=None)
    taken = []
    for _ in range(_STARTS):
        started = time.perf_counter()
        try:
            gateway.installation.start()
            taken.append(time.perf_counter() - started)
        finally:
            gateway.stop()
    return Figure("gateway.start_40", min(taken), "s", wanted=Wanted(3, at_most=True, of_value=True))


if __name__ == "__main__":
    main()
