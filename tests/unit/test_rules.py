"""Business rules: what they find, the workers that run them, and what these can neither do nor say."""

import asyncio
import datetime
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from lxml import etree

from gateway.contract.findings import Bilingual, Finding, Findings, Severity
from gateway.errors import ConfigurationError, RuleViolation, SchemaViolation, Unavailable
from gateway.settings import data_folder
from gateway.standards import Catalogue, reading
from gateway.standards.codelists import CodeLists
from gateway.xml import worker, workers
from gateway.xml.parse import parse
from gateway.xml.rules import RuleFile, Rules
from gateway.xml.stylesheet import Stylesheet, read_stylesheet
from gateway.xml.workers import Workers

TODAY = datetime.date(2026, 6, 1)
MATERIAL = Path(os.environ.get("AMTSBOTE_MATERIAL", Path(__file__).parents[3] / "shared" / "material"))
XSLT = """<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
 xmlns:f="urn:f" xmlns:xs="http://www.w3.org/2001/XMLSchema" exclude-result-prefixes="#all">
 <xsl:output omit-xml-declaration="yes"/>
 <xsl:function name="f:endless"><xsl:param name="n"/><xsl:sequence select="f:endless($n + 1)"/></xsl:function>
 <xsl:template match="/"><out>{}</out></xsl:template></xsl:stylesheet>"""
DOCUMENT = etree.fromstring("<a><b>Müßiggang 😀</b></a>")
ECHOED = "<out>Müßiggang 😀</out>".encode()
ENDLESS = '<xsl:value-of select="f:endless(1)"/>'
GREEDY = '<xsl:value-of select="string-length(string-join((1 to 200000000)!string(.)))"/>'


def stylesheet(content: str) -> Stylesheet:
    return Stylesheet("probe.xsl", etree.fromstring(XSLT.format(content)))


ECHO = stylesheet('<xsl:value-of select="/a/b"/>')


@pytest.fixture
def some() -> Iterator[Callable[..., Workers]]:
    """Makes workers that end with the test."""
    made: list[Workers] = []

    def make(count: int = 1, **limits: float) -> Workers:
        made.append(Workers(count, **limits))
        return made[-1]

    yield make
    for each in made:
        each.close()


PATIENT = {"time_limit_s": 60, "processor_limit_s": 60}
"""For what a busy machine must not end: it makes a processor slower as well."""


@pytest.fixture(scope="module")
def one() -> Iterator[Workers]:
    """One worker for all tests that leave it as it was."""
    shared = Workers(1, **PATIENT)
    yield shared
    shared.close()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that nobody has waited for yet is there, but does nothing any more.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition: Callable[[], bool], limit_s: float = 20) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- workers


def test_transform_gives_text_for_text(one: Workers) -> None:
    assert one.transform(ECHO, DOCUMENT) == ECHOED


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16", "US-ASCII"])
def test_result_is_utf8_whatever_encoding_its_stylesheet_asks_for(one: Workers, encoding: str) -> None:
    asking = XSLT.replace("<xsl:output ", f'<xsl:output encoding="{encoding}" ')
    content = asking.format('<xsl:value-of select="/a/b"/>')
    assert one.transform(Stylesheet("probe.xsl", etree.fromstring(content)), DOCUMENT) == ECHOED


def test_run_gives_a_result_for_each_stylesheet(one: Workers) -> None:
    count = stylesheet('<xsl:value-of select="count(//*)"/>')
    assert one.run([count, ECHO, count], DOCUMENT) == [
        b"<out>2</out>",
        ECHOED,
        b"<out>2</out>",
    ]


def test_workers_start_when_they_are_needed_and_serve_threads_at_once(some: Callable[..., Workers]) -> None:
    pair = some(2)
    assert pair.pids == []
    documents = [etree.fromstring(f"<a><b>{number}</b></a>") for number in range(60)]
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda document: pair.transform(ECHO, document), documents))
    assert results == [b"<out>%d</out>" % number for number in range(60)]
    assert 1 <= len(pair.pids) <= 2


def test_stylesheet_is_compiled_once_when_it_is_used_again(
    some: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    def send(channel: socket.socket, kind: int, parts: list[bytes]) -> None:
        sent.append(kind)
        original(channel, kind, parts)

    original = worker.send
    monkeypatch.setattr(worker, "send", send)
    single = some()
    for _ in range(3):
        single.transform(ECHO, DOCUMENT)
    assert sent == [worker.COMPILE, worker.RUN, worker.RUN, worker.RUN]


@pytest.mark.parametrize(
    ("content", "limit", "reason"),
    [
        (ENDLESS, {"time_limit_s": 2, "processor_limit_s": 60}, "takes too long"),
        (ENDLESS, {"time_limit_s": 60, "processor_limit_s": 0.2}, "takes too long"),
        (GREEDY, {"memory_limit_bytes": 192 * 1024 * 1024} | PATIENT, "has died"),
    ],
    ids=["endless", "busy", "greedy"],
)
def test_message_is_put_off_and_the_worker_replaced_when_a_rule_goes_wild(
    some: Callable[..., Workers], content: str, limit: dict[str, float], reason: str
) -> None:
    single = some(**limit)
    single.transform(ECHO, DOCUMENT)
    [before] = single.pids
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable):
        single.transform(stylesheet(content), DOCUMENT)
    assert any(reason in each["reason"] for each in logs if each["event"] == "rules_unavailable")
    assert single.pids == []
    assert not is_there(before)
    assert single.transform(ECHO, DOCUMENT) == ECHOED


def test_other_workers_go_on_when_one_hangs(some: Callable[..., Workers]) -> None:
    pair = some(2, time_limit_s=3, processor_limit_s=3)
    pair.transform(ECHO, DOCUMENT)
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(pair.transform, stylesheet(ENDLESS), DOCUMENT)
        wait_until(lambda: pair._free.qsize() == 1)
        assert pair.transform(ECHO, DOCUMENT) == ECHOED
        assert not hanging.done()
        with pytest.raises(Unavailable):
            hanging.result()


def test_message_is_put_off_when_no_worker_is_free(
    some: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PATIENCE_S", 0.05)
    single = some(time_limit_s=2)
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(single.transform, stylesheet(ENDLESS), DOCUMENT)
        wait_until(lambda: single._free.qsize() == 0)
        with pytest.raises(Unavailable):
            single.transform(ECHO, DOCUMENT)
        with pytest.raises(Unavailable):
            hanging.result()


def test_nobody_notices_when_an_idle_worker_was_killed(some: Callable[..., Workers]) -> None:
    single = some()
    single.transform(ECHO, DOCUMENT)
    [idle] = single._all
    os.kill(idle.pid, signal.SIGKILL)
    wait_until(lambda: not idle.is_alive)
    assert single.transform(ECHO, DOCUMENT) == ECHOED
    assert single.pids != [idle.pid]


def test_message_is_put_off_without_its_values_in_the_log_when_a_rule_fails_on_it(one: Workers) -> None:
    dated = stylesheet('<xsl:value-of select="xs:date(/a/b)"/>')
    one.compile(dated)
    pids = one.pids
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable) as put_off:
        one.transform(dated, DOCUMENT)
    assert put_off.value.retryable
    assert "failed on this message" in str(put_off.value)
    assert [(each["event"], each["reason"]) for each in logs] == [
        ("rules_unavailable", "probe.xsl: Saxon reports FORG0001 at probe.xsl:5")
    ]
    assert "Müßiggang" not in str(logs)
    assert one.pids == pids


def test_message_that_finds_all_workers_busy_is_put_off_before_they_are_done(
    some: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    single = some(time_limit_s=3, processor_limit_s=3)
    monkeypatch.setattr(reading, "shared_workers", lambda: single)
    monkeypatch.setattr(workers, "PATIENCE_S", 0.5)
    single.transform(ECHO, DOCUMENT)
    reading.waiting_room.cache_clear()
    room, ended = reading.waiting_room(), []

    def run(name: str, sheet: Stylesheet) -> None:
        with pytest.raises(Unavailable):
            single.transform(sheet, DOCUMENT)
        ended.append(name)

    hanging = stylesheet(ENDLESS)
    single.compile(hanging)
    first = room.submit(run, "hanging", hanging)
    wait_until(lambda: single._free.qsize() == 0)
    room.submit(run, "waiting", ECHO).result()
    first.result()
    reading.waiting_room.cache_clear()
    room.shutdown()
    assert ended == ["waiting", "hanging"]


def test_deep_recursion_is_put_off_and_leaves_the_worker(one: Workers) -> None:
    one.transform(ECHO, DOCUMENT)
    pids = one.pids
    deep = '<xsl:apply-templates select="/"/>'
    with pytest.raises(Unavailable):
        one.transform(stylesheet(deep), DOCUMENT)
    assert one.pids == pids


def test_stylesheet_that_is_wrong_is_told_with_its_line_and_the_worker_stays(one: Workers) -> None:
    one.transform(ECHO, DOCUMENT)
    pids = one.pids
    with pytest.raises(ConfigurationError, match=r"^probe\.xsl: .* at probe\.xsl:5 XPST0008 Variable \$x"):
        one.compile(stylesheet('<xsl:value-of select="$x"/>'))
    assert one.pids == pids


def test_closing_ends_all_workers(some: Callable[..., Workers]) -> None:
    single = some()
    single.transform(ECHO, DOCUMENT)
    pids = single.pids
    single.close()
    assert not any(is_there(pid) for pid in pids)


OWNER = """
import sys, threading
sys.path.insert(0, {path!r})
from tests.unit.test_rules import DOCUMENT, ECHO, ENDLESS, stylesheet
from gateway.xml.workers import Workers
pair = Workers(2, time_limit_s=1)
pair.transform(ECHO, DOCUMENT)
busy = threading.Thread(target=pair.transform, args=(stylesheet(ENDLESS), DOCUMENT), daemon=True)
busy.start()
pair.transform(ECHO, DOCUMENT)
while len(pair.pids) < 2 or pair._free.qsize() != 1:
    pass
print(*pair.pids, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_is_left_when_its_process_was_ended(sign: signal.Signals) -> None:
    """One is idle and hears it; the other is busy for ever and is ended by the kernel in time."""
    code = OWNER.format(path=str(Path(__file__).parents[2]))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) == 2
        os.kill(owner.pid, sign)
    wait_until(lambda: not any(is_there(pid) for pid in pids))


@pytest.mark.parametrize(
    "document",
    [
        "<a " + " ".join(f'a{number}="1"' for number in range(256)) + "/>",
        "<a " + " ".join(f'xmlns:a{number}="urn:{number}"' for number in range(256)) + "/>",
        f"<{'n' * 50_000}/>",
        "<a>" * 64 + "</a>" * 64,
        f"<a>{'x' * 8_000_000}</a>",
    ],
    ids=["attributes", "namespaces", "name", "depth", "text"],
)
def test_worker_reads_whatever_our_parser_takes(one: Workers, document: str) -> None:
    root = parse(document.encode())
    there = stylesheet('<xsl:value-of select="exists(/*)"/>')
    assert one.transform(there, root) == b"<out>true</out>"


def test_worker_rests_for_as_long_as_it_likes(
    some: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_GRACE_S", 0.1)
    resting = some(time_limit_s=0.4)
    resting.transform(ECHO, DOCUMENT)
    [worker_] = resting._all
    with pytest.raises(Unavailable):
        some(processor_limit_s=0.8).transform(stylesheet(ENDLESS), DOCUMENT)
    assert worker_.is_alive


def test_answer_that_was_not_read_is_not_given_to_the_next(
    some: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    single = some()
    single.transform(ECHO, DOCUMENT)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "receive", no_memory)
        with pytest.raises(MemoryError):
            single.transform(ECHO, etree.fromstring("<a><b>another</b></a>"))
    assert single.transform(ECHO, DOCUMENT) == ECHOED


def test_document_is_gone_once_the_worker_has_answered(one: Workers) -> None:
    failing = stylesheet('<xsl:value-of select="xs:date(/a/b)"/>')
    one.transform(ECHO, DOCUMENT)
    with pytest.raises(Unavailable):
        one.transform(failing, DOCUMENT)
    [answering] = one._all
    assert os.fstat(answering._document.fileno()).st_size == 0
    one.transform(ECHO, DOCUMENT)
    assert os.fstat(answering._document.fileno()).st_size == 0


def test_message_is_put_off_when_it_cannot_be_handed_over(some: Callable[..., Workers]) -> None:
    single = some()
    single.transform(ECHO, DOCUMENT)
    long = etree.fromstring(f"<a><b>{'x' * 100_000}</b></a>")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = len(etree.tostring(long)) - 1  # the last write is short, and the one that makes up for it fails
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
    try:
        with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable):
            single.transform(ECHO, long)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert "a worker could not be given the document" in [each.get("reason") for each in logs]
    assert single.transform(ECHO, DOCUMENT) == ECHOED


def test_message_is_put_off_when_all_workers_are_ended_while_it_is_handed_over(
    some: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    single = some()
    single.transform(ECHO, DOCUMENT)
    with monkeypatch.context() as patch:
        patch.setattr(workers._File, "write", lambda file, _: single.close() or file.seek(0))
        with pytest.raises(Unavailable):
            single.transform(ECHO, DOCUMENT)
    assert single.transform(ECHO, DOCUMENT) == ECHOED


UNREADABLE = etree.fromstring("<a><b𠀀>Müßiggang</b𠀀></a>")
"""XML 1.0 as its fifth edition has it, which libxml2 reads and Java does not."""


def test_message_that_saxon_cannot_read_is_put_off_and_no_rule_is_blamed(one: Workers) -> None:
    one.transform(ECHO, DOCUMENT)
    pids = one.pids
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable) as put_off:
        one.transform(ECHO, UNREADABLE)
    assert "cannot read this message" in str(put_off.value)
    assert [each["reason"] for each in logs] == ["Saxon cannot read the document: SXXP0003 on line 1"]
    assert one.pids == pids
    assert one.transform(ECHO, DOCUMENT) == ECHOED


def test_document_has_the_same_address_in_every_worker(some: Callable[..., Workers]) -> None:
    address = stylesheet('<xsl:value-of select="document-uri(/), base-uri(/a/b)"/>')
    assert {some().transform(address, DOCUMENT) for _ in range(2)} == {
        b"<out>file:/proc/self/fd/0 file:/proc/self/fd/0</out>"
    }


def test_message_is_put_off_when_no_worker_can_be_started(
    some: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    single = some()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable):
            single.transform(ECHO, DOCUMENT)
    assert [each["reason"] for each in logs] == ["a worker cannot be started: No such file or directory"]
    assert single.transform(ECHO, DOCUMENT) == ECHOED


def no_memory(*_: object) -> None:
    raise MemoryError


NONSENSE = {
    "kind": "send(channel, 77, [])",
    "nothing": "send(channel, DONE, [])",
    "too much": "send(channel, DONE, [b'a'] * 1000)",
    "too large": "channel.sendall(struct.pack('>BII', DONE, 1, 2**31))",
    "refusal without words": "send(channel, FAILED, [])",
    "refusal of another": "send(channel, FAILED, [b'', b'99'])",
    "refusal of none": "send(channel, FAILED, [b'', b'x'])",
    "bytes": "send(channel, FAILED, [b'\\xff', b'0'])",
    "end": "channel.close(); sys.exit()",
    "drops": "channel.sendall(struct.pack('>BII', DONE, 1, 99))\n"
    "while True: time.sleep(0.3), channel.sendall(b'a')",
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_worker_that_answers_nonsense_is_replaced(
    some: Callable[..., Workers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        f"import runpy, socket, struct, sys, time\nglobals().update(runpy.run_path({worker.__file__!r}))\n"
        "channel = socket.socket(fileno=int(sys.argv[1]))\n"
        "receive(channel, 10**9, 9)\nsend(channel, DONE, [])\n"
        f"receive(channel, 10**9, 9)\n{answer}\nreceive(channel, 10**9, 9)\n",
        encoding="utf-8",
    )
    single = some(time_limit_s=1)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "__file__", str(script))
        with pytest.raises(Unavailable):
            single.transform(ECHO, DOCUMENT)
    assert single.pids == []
    assert single.transform(ECHO, DOCUMENT) == ECHOED


# --- what a stylesheet cannot do

SECRET = "top-secret-4711"
FILES = {
    "doc": "doc('{url}')",
    "document": "document('{url}')",
    "doc-available": "doc-available('{url}')",
    "unparsed-text": "unparsed-text('{url}')",
    "unparsed-text-lines": "unparsed-text-lines('{url}')",
    "unparsed-text-available": "unparsed-text-available('{url}')",
    "collection": "collection('{folder}?select=*.xml')",
    "uri-collection": "uri-collection('{folder}')",
    "json-doc": "json-doc('{url}')",
    "entity": "parse-xml('&lt;!DOCTYPE a [&lt;!ENTITY x SYSTEM &quot;{url}&quot;>]>&lt;a>&amp;x;&lt;/a>')",
    "stylesheet": "transform(map{{'stylesheet-location':'{url}','source-node':/}})?output",
}
OTHERS = {
    "environment-variable": "environment-variable('PATH'), available-environment-variables()",
    "network": "doc('http://127.0.0.1:{port}/')",
    "network text": "unparsed-text('http://127.0.0.1:{port}/')",
    "java": "Q{{java:java.lang.System}}getProperty('user.dir')",
    "files": "Q{{http://expath.org/ns/file}}read-text('{file}')",
}


def reached(pool: Workers, content: str) -> str:
    """Return what a stylesheet got hold of, nothing where it was stopped."""
    try:
        return pool.transform(stylesheet(content), DOCUMENT).decode()
    except (Unavailable, ConfigurationError):
        return ""


LOCKS = {
    "both": "",
    "by the kernel": "names['_CONFIGURATION'].clear()\n",
    "by Saxon": "names['serve'].__globals__['_limit'] = lambda *_: None\n",
}


@pytest.fixture(scope="module", params=LOCKS)
def locked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """A worker as it is, and ones in which only one of the two locks is closed: each must hold by itself."""
    script = tmp_path_factory.mktemp("worker") / "worker.py"
    script.write_text(
        f"import runpy, socket, sys\nnames = runpy.run_path({worker.__file__!r})\n{LOCKS[request.param]}"
        "names['serve'](socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))\n",
        encoding="utf-8",
    )
    pool = Workers(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "__file__", str(script))
        pool.transform(ECHO, DOCUMENT)
    yield pool
    pool.close()


def require_unreached(pool: Workers, tmp_path: Path, expression: str) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text(f"<a>{SECRET}</a>", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        places = {"url": secret.as_uri(), "folder": tmp_path.as_uri(), "file": str(secret)}
        select = expression.format(**places, port=server.getsockname()[1])
        got = reached(pool, f'<xsl:sequence select="{select}"/>')
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not {SECRET, "secret.xml", "true", str(Path.cwd()), os.environ["PATH"]} & {got, *got.split()}
    assert SECRET not in got
    assert "<out>/" not in got


@pytest.mark.parametrize("expression", OTHERS.values(), ids=OTHERS)
def test_stylesheet_reaches_nothing_outside(locked: Workers, tmp_path: Path, expression: str) -> None:
    require_unreached(locked, tmp_path, expression)


@pytest.mark.parametrize("locked", ["both", "by the kernel"], indirect=True)
@pytest.mark.parametrize("expression", FILES.values(), ids=FILES)
def test_stylesheet_reaches_no_file(locked: Workers, tmp_path: Path, expression: str) -> None:
    """Saxon by itself would let it: it must read the file in which a document is handed over."""
    require_unreached(locked, tmp_path, expression)


@pytest.mark.parametrize("expression", ["unparsed-text('{url}')", "doc('{url}')"])
def test_stylesheet_reaches_no_file_while_it_is_compiled(
    some: Callable[..., Workers], tmp_path: Path, expression: str
) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text(f"<a>{SECRET}</a>", encoding="utf-8")
    select = expression.format(url=secret.as_uri())
    static = f'<xsl:variable name="s" static="yes" select="string({select})"/>'
    content = XSLT.format('<xsl:value-of select="$s"/>').replace("<xsl:template", f"{static}<xsl:template")
    fresh = some()
    with pytest.raises(ConfigurationError) as refused:
        fresh.transform(Stylesheet("probe.xsl", etree.fromstring(content)), DOCUMENT)
    assert SECRET not in str(refused.value)


def test_worker_can_open_nothing_but_the_document_and_that_only_while_it_is_read(one: Workers) -> None:
    def door(pool: Workers) -> tuple[int, int]:
        [pid] = pool.pids
        return resource.prlimit(pid, resource.RLIMIT_NOFILE)

    one.close()
    one.compile(ECHO)
    there = {int(each.name) for each in Path(f"/proc/{one.pids[0]}/fd").iterdir()}
    next_file = min({*range(len(there) + 1)} - there)
    assert door(one) == (0, next_file + 1)
    one.transform(ECHO, DOCUMENT)
    assert door(one) == (0, next_file + 1)
    with pytest.raises(Unavailable):
        one.transform(ECHO, UNREADABLE)
    assert door(one) == (0, next_file + 1)


def test_stylesheet_writes_no_file(locked: Workers, tmp_path: Path) -> None:
    target = tmp_path / "written.xml"
    content = f'<xsl:result-document href="{target.as_uri()}"><a/></xsl:result-document>'
    reached(locked, content)
    assert not target.exists()


def test_stylesheet_evaluates_no_expression_of_a_message(one: Workers) -> None:
    assert reached(one, """<xsl:evaluate xpath="'1 + 1'"/>""") == ""


def test_stylesheet_includes_no_other(one: Workers, tmp_path: Path) -> None:
    (tmp_path / "rules.xsl").write_text(
        '<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">\n'
        '<xsl:include href="file:///etc/other.xsl"/></xsl:stylesheet>',
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError, match=r"rules\.xsl:2: must be complete in itself"):
        rules(one, tmp_path, "rules.xsl").compile()


def test_nothing_that_a_stylesheet_says_reaches_our_terminal(
    one: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    talkative = '<xsl:for-each select="1 to 20000"><xsl:message select="$d/a/b"/></xsl:for-each>'
    one.transform(stylesheet(f'<xsl:variable name="d" select="/"/>{talkative}'), DOCUMENT)
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable):
        one.transform(stylesheet('<xsl:message select="/a/b" terminate="yes"/>'), DOCUMENT)
    assert logs
    assert "Müßiggang" not in str(logs)
    assert capfd.readouterr() == ("", "")


def test_value_of_a_message_that_looks_like_a_code_is_not_taken_for_one(one: Workers) -> None:
    wrong = stylesheet('<xsl:value-of select="xs:date(/a/b)"/>')
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable):
        one.transform(wrong, etree.fromstring("<a><b>MUST1234 FORG0002</b></a>"))
    assert [each["reason"] for each in logs] == ["probe.xsl: Saxon reports FORG0001 at probe.xsl:5"]


def test_stylesheet_that_writes_no_report_is_no_rules(one: Workers, tmp_path: Path) -> None:
    (tmp_path / "rules.xsl").write_text(XSLT.format("x"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"rules\.xsl: writes no SVRL"):
        rules(one, tmp_path, "rules.xsl").compile()


@pytest.mark.parametrize("instead", ["<html/>", "<xsl:text>text</xsl:text>"])
def test_message_is_put_off_when_its_rules_write_something_else(
    one: Workers, tmp_path: Path, instead: str
) -> None:
    report = '<svrl:schematron-output xmlns:svrl="http://purl.oclc.org/dsdl/svrl"/>'
    sheet = XSLT.replace(
        "<out>{}</out>",
        f'<xsl:choose><xsl:when test="false()">{report}</xsl:when>'
        f"<xsl:otherwise>{instead}</xsl:otherwise></xsl:choose>",
    )
    (tmp_path / "rules.xsl").write_text(sheet, encoding="utf-8")
    with pytest.raises(Unavailable):
        found(rules(one, tmp_path, "rules.xsl"), ORDER)


# --- findings

RULES = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
 <ns prefix="o" uri="urn:order"/><pattern>
 <rule context="o:item">
  <assert id="R-1" test="price &gt; 0">Der Preis <value-of select="price"/> ist zu klein.</assert>
  <assert id="R-2" role="warning" test="@n">Die Nummer fehlt.</assert>
  <assert id="R-3" role="information" test="not(@n = 9)" subject="@n">Neun ist selten.</assert>
  <report test="rebate" flag="fatal"/>
 </rule></pattern></schema>"""


def rules(pool: Workers, folder: Path, name: str = "rules.sch", **stated: object) -> Rules:
    if name == "rules.sch":
        (folder / name).write_text(RULES, encoding="utf-8")
    return Rules([RuleFile(folder / name, folder, **stated)], {"x": "urn:order"}, lambda: pool)


def found(them: Rules, body: str) -> list[tuple[object, ...]]:
    findings = them.find(parse(body.encode()), body.encode())
    return [(each.rule, str(each.severity), each.path, each.line, each.column) for each in findings.shown]


ORDER = """<order xmlns="urn:order">
  <item n="1"><price xmlns="">0</price></item>
    <item><price xmlns="">1</price></item><item n="9"><price xmlns="">1</price><rebate xmlns=""/></item>
</order>"""


def test_finding_says_rule_place_severity_and_sentence(one: Workers, tmp_path: Path) -> None:
    findings = rules(one, tmp_path).find(parse(ORDER.encode()), ORDER.encode())
    assert {each.code for each in findings.shown} == {"X002"}
    assert [(each.message.de, each.message.en) for each in findings.shown] == [
        ("Der Preis … ist zu klein.", "Rule R-1 is not met: Der Preis … ist zu klein."),
        ("Die Nummer fehlt.", "Rule R-2 is not met: Die Nummer fehlt."),
        ("Eine Regel des Standards beanstandet diese Stelle.", "A rule of the standard objects to this."),
        ("Neun ist selten.", "Rule R-3 is not met: Neun ist selten."),
    ]
    assert found(rules(one, tmp_path), ORDER) == [
        ("R-1", "error", "/x:order/x:item[1]", 2, 3),
        ("R-2", "warning", "/x:order/x:item[2]", 3, 5),
        (None, "error", "/x:order/x:item[3]", 3, 43),
        ("R-3", "warning", "/x:order/x:item[3]/@n", 3, 49),
    ]


def test_severity_of_the_manifest_outweighs_the_rule_file_both_ways(one: Workers, tmp_path: Path) -> None:
    severity = {"R-1": Severity.WARNING, "R-2": Severity.ERROR}
    them = rules(one, tmp_path, severity=severity)
    assert {each[0]: each[1] for each in found(them, ORDER)} == {
        "R-1": "warning",
        "R-2": "error",
        "R-3": "warning",
        None: "error",
    }


def test_at_most_200_findings_are_shown_errors_first(one: Workers, tmp_path: Path) -> None:
    items = (
        "<item><price xmlns=''>1</price></item>" * 250 + "<item n='1'><price xmlns=''>0</price></item>" * 3
    )
    body = f'<order xmlns="urn:order">{items}</order>'.encode()
    findings = rules(one, tmp_path).find(parse(body), body)
    assert len(findings.shown) == 200
    assert findings.more == 53
    assert [each.path for each in findings.shown if each.severity is Severity.ERROR] == [
        f"/x:order/x:item[{number}]" for number in (251, 252, 253)
    ]


def test_many_failures_cost_neither_time_nor_memory(one: Workers, tmp_path: Path) -> None:
    """Siblings are not counted for each failure, or this would take minutes and be put off."""
    body = b'<order xmlns="urn:order">' + b"<item/>" * 30_000 + b"</order>"
    findings = rules(one, tmp_path, severity={"R-1": Severity.WARNING}).find(parse(body), body)
    assert len(findings.shown) == 200
    assert findings.more == 2 * 30_000 - 200


MANY_FAIL = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"
 xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:svrl="http://purl.oclc.org/dsdl/svrl">
<ns prefix="amtsbote" uri="urn:order"/><pattern><rule context="amtsbote:item">{}</rule></pattern></schema>"""
MADE_UP = (
    '<xsl:element name="svrl:failed-assert"><xsl:attribute name="id">W</xsl:attribute>'
    '<xsl:attribute name="location">{path(.)}</xsl:attribute></xsl:element>'
)
WEIGHTS = {
    "id": ('<assert id="W" test="false()"/>', '<assert id="E" test="false()"/>'),
    "role": ('<assert role="warning" test="false()"/>', '<assert role="error" test="false()"/>'),
    "flag": ('<assert flag="warning" test="false()"/>', '<assert flag="error" test="false()"/>'),
    "attribute": ('<assert role="warning" test="false()"/>', '<assert id="warning" test="false()"/>'),
    "mark": ('<assert id="W" test="false()"/>', MADE_UP),
    "depth": (
        '<xsl:element name="x"><svrl:failed-assert role="warning" location="{path(.)}"/></xsl:element>',
        '<xsl:element name="x"><svrl:failed-assert id="E" location="{path(.)}"/></xsl:element>',
    ),
}


def find_many(one: Workers, folder: Path, content: str) -> Findings:
    (folder / "many.sch").write_text(MANY_FAIL.format(content), encoding="utf-8")
    body = b'<order xmlns="urn:order">' + b"<item/>" * 300 + b"</order>"
    them = rules(one, folder, "many.sch", severity={"W": Severity.WARNING})
    return them.find(parse(body), body)


@pytest.mark.parametrize(("warns", "refuses"), WEIGHTS.values(), ids=WEIGHTS)
def test_failures_are_counted_for_what_their_own_rule_weighs(
    one: Workers, tmp_path: Path, warns: str, refuses: str
) -> None:
    findings = find_many(one, tmp_path, warns + refuses)
    assert {each.severity for each in findings.shown} == {Severity.ERROR}
    assert (len(findings.shown), findings.more) == (200, 400)
    assert {severity for _, severity in findings.broken or ()} == {Severity.ERROR, Severity.WARNING}
    findings = find_many(one, tmp_path, warns)
    assert {each.severity for each in findings.shown} == {Severity.WARNING}
    assert (len(findings.shown), findings.more) == (200, 100)


def test_what_a_rule_writes_beside_failures_is_none(one: Workers, tmp_path: Path) -> None:
    assert find_many(one, tmp_path, "<xsl:element name='more'/>") == Findings(broken=frozenset())


ENDLESS_REPORT = XSLT.replace(
    "<out>{}</out>",
    """<svrl:schematron-output xmlns:svrl="http://purl.oclc.org/dsdl/svrl">
     <svrl:failed-assert id="R-1" role="{role}" location="/">
      <svrl:text>Falsch.</svrl:text></svrl:failed-assert>
     <xsl:for-each select="1 to 350000">
      <{filling} context="A rule whose context is told in at least fifty characters."/>
     </xsl:for-each></svrl:schematron-output>""",
)


def test_report_that_is_too_long_refuses_with_what_it_says_up_to_there(one: Workers, tmp_path: Path) -> None:
    report = ENDLESS_REPORT.format(role="error", filling="svrl:something")
    (tmp_path / "rules.xsl").write_text(report, encoding="utf-8")
    findings = rules(one, tmp_path, "rules.xsl").find(parse(ORDER.encode()), ORDER.encode())
    assert [each.message.de for each in findings.shown] == ["Falsch."]
    assert (findings.more, findings.broken) == (1, None)


def test_report_that_is_too_long_allows_nothing(one: Workers, tmp_path: Path) -> None:
    report = ENDLESS_REPORT.format(role="warning", filling="svrl:something")
    (tmp_path / "rules.xsl").write_text(report, encoding="utf-8")
    with pytest.raises(Unavailable):
        found(rules(one, tmp_path, "rules.xsl"), ORDER)


@pytest.mark.parametrize("weighs", ["error", "warning"])
def test_report_that_tells_of_an_error_allows_nothing(one: Workers, tmp_path: Path, weighs: str) -> None:
    """Some compilers let a stylesheet go on where a rule has failed on the message."""
    report = ENDLESS_REPORT.format(role=weighs, filling="svrl:error").replace("350000", "1")
    (tmp_path / "rules.xsl").write_text(report, encoding="utf-8")
    them = rules(one, tmp_path, "rules.xsl")
    if weighs == "error":
        assert [each[1] for each in found(them, ORDER)] == ["error"]
    else:
        with pytest.raises(Unavailable):
            found(them, ORDER)


def test_rules_of_several_files_are_all_found(one: Workers, tmp_path: Path) -> None:
    rules(one, tmp_path)
    files = [RuleFile(tmp_path / "rules.sch", tmp_path), RuleFile(tmp_path / "rules.sch", tmp_path)]
    assert len(found(Rules(files, {}, lambda: one), ORDER)) == 8


# --- standards with rules


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """The sample standards, to be changed."""
    folder = tmp_path / "schemas"
    shutil.copytree(data_folder("schemas"), folder)
    return folder


PARKING = data_folder("fixtures") / "xparken" / "1.0"
VALID = (PARKING / "valid" / "01-neu-online.xml").read_bytes()
ENDS_EARLY = (PARKING / "invalid" / "22-zeitraum-endet-vor-beginn.xml").read_bytes()
LONG = VALID.replace(b"<p:bis>2027", b"<p:bis>2030")


def test_message_is_refused_when_it_breaks_a_rule() -> None:
    with pytest.raises(RuleViolation) as refused:
        Catalogue.load([data_folder("schemas")]).read(ENDS_EARLY, today=TODAY)
    [finding] = refused.value.findings
    assert (finding.rule, finding.path) == ("XPARKEN-01", "/p:bewohnerparken.antrag.0101/p:zeitraum/p:bis")
    assert (refused.value.status, refused.value.code) == (422, "X002")


def test_message_is_taken_with_its_warnings_when_a_rule_only_warns() -> None:
    [warning] = Catalogue.load([data_folder("schemas")]).read(LONG, today=TODAY).warnings.shown
    assert (warning.rule, warning.severity) == ("XPARKEN-05", Severity.WARNING)


def test_rule_refuses_when_something_else_only_warns_of_the_same_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = "/p:bewohnerparken.antrag.0101/p:zeitraum/p:bis"
    warning = Finding(
        code="S010", severity=Severity.WARNING, path=place, message=Bilingual(de="Achtung", en="Beware")
    )
    monkeypatch.setattr(CodeLists, "find", lambda *_, **__: Findings((warning,)))
    with pytest.raises(RuleViolation) as refused:
        Catalogue.load([data_folder("schemas")]).read(ENDS_EARLY, today=TODAY)
    assert [(each.code, each.path) for each in refused.value.findings] == [("S010", place), ("X002", place)]


def test_manifest_turns_a_warning_into_an_error(schemas: Path) -> None:
    manifest = schemas / "xparken" / "1.0" / "standard.yaml"
    text = manifest.read_text(encoding="utf-8")
    changed = text.replace("rules/xparken.sch}", "rules/xparken.sch, severity: {XPARKEN-05: error}}")
    manifest.write_text(changed, encoding="utf-8")
    with pytest.raises(RuleViolation):
        Catalogue.load([schemas]).read(LONG, today=TODAY)


def test_rules_are_not_asked_when_the_schema_objects(schemas: Path) -> None:
    (schemas / "xparken" / "1.0" / "rules" / "xparken.sch").write_text("no rules", encoding="utf-8")
    with pytest.raises(SchemaViolation):
        Catalogue.load([schemas]).read(ENDS_EARLY.replace(b"p:zone", b"p:zonen"), today=TODAY)


def test_check_names_file_and_line_when_a_rule_does_not_compile(schemas: Path) -> None:
    file = schemas / "xparken" / "1.0" / "rules" / "xparken.sch"
    lines = file.read_text(encoding="utf-8").splitlines()
    number = next(number for number, line in enumerate(lines, start=1) if 'id="XPARKEN-02"' in line)
    file.write_text("\n".join(lines).replace("$art = 'neu' or", "$typ = 'neu' or"), encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        Catalogue.load([schemas]).check()
    assert f"{file}:{number} XPST0008 Variable $typ has not been declared" in raised.value.detail


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{file: rules/xparken.sch, phase: 1}", r"rules\[0\]\.phase: must be text; write it in quotes"),
        (
            "{file: rules/x.sch, severity: {A: information}}",
            r"rules\[0\]\.severity\.A: must be 'error' or 'warning'",
        ),
    ],
)
def test_manifest_is_refused_when_its_rules_are_wrong(schemas: Path, rule: str, said: str) -> None:
    manifest = schemas / "xparken" / "1.0" / "standard.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("{file: rules/xparken.sch}", rule), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        Catalogue.load([schemas])


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{file: rules/fehlt.sch}", r"fehlt\.sch: cannot be read"),
        ("{file: rules/x.xsl, phase: a}", r"x\.xsl: is XSLT, of which no phase can be chosen.*take a out"),
        ("{file: standard.yaml}", r"standard\.yaml: cannot be read"),
        ("{file: xparken.xsd}", r"xparken\.xsd:\d+: is no Schematron"),
    ],
)
def test_check_refuses_rules_that_are_none(schemas: Path, rule: str, said: str) -> None:
    folder = schemas / "xparken" / "1.0"
    (folder / "rules" / "x.xsl").write_text(XSLT.format("x"), encoding="utf-8")
    text = (folder / "standard.yaml").read_text(encoding="utf-8")
    changed = text.replace("{file: rules/xparken.sch}", rule)
    (folder / "standard.yaml").write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        Catalogue.load([schemas]).check()


def test_rules_are_told_by_their_root_element_whatever_they_are_called(schemas: Path) -> None:
    folder = schemas / "xparken" / "1.0"
    (folder / "rules" / "xparken.sch").rename(folder / "rules" / "xparken.xml")
    text = (folder / "standard.yaml").read_text(encoding="utf-8")
    (folder / "standard.yaml").write_text(text.replace("xparken.sch", "xparken.xml"), encoding="utf-8")
    with pytest.raises(RuleViolation):
        Catalogue.load([schemas]).read(ENDS_EARLY, today=TODAY)


@pytest.mark.parametrize("content", [XSLT.format("&a;"), XSLT.format('<x b="&a;"/>'), XSLT.format("x")])
def test_stylesheet_with_a_doctype_is_refused(tmp_path: Path, content: str) -> None:
    """Also where an entity stands in an attribute, which the parser expands, or nowhere."""
    path = tmp_path / "x.xsl"
    path.write_text(f'<!DOCTYPE x [<!ENTITY a SYSTEM "{path}"><!ENTITY a "b">]>{content}', encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"x\.xsl: cannot be read: .*(has a DOCTYPE.*take it out|external entity)"
    ):
        read_stylesheet(path)


def test_rules_that_weigh_differently_share_what_is_compiled(tmp_path: Path) -> None:
    """Every scenario of a configuration may weigh them in a way of its own."""
    (tmp_path / "r.sch").write_text(RULES, encoding="utf-8")
    known: dict[tuple[Path, str | None], Stylesheet] = {}
    one, other = (
        RuleFile(tmp_path / "r.sch", tmp_path, None, {"A": severity}, known) for severity in Severity
    )
    assert one.stylesheet() is other.stylesheet()


async def test_loop_goes_on_while_a_message_waits_for_its_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue.load([data_folder("schemas")])
    looked_on, judge = threading.Event(), catalogue.judge

    def judge_late(*arguments: object) -> object:
        assert looked_on.wait(10)
        return judge(*arguments)

    monkeypatch.setattr(catalogue, "judge", judge_late)
    reading_it = asyncio.create_task(reading.read(catalogue, VALID, today=TODAY))
    await asyncio.sleep(0)
    looked_on.set()
    assert (await reading_it).header.service == "99900000000102"


# --- published rules

PUBLISHED = sorted(MATERIAL.glob("standards/*/sch/*.sch"))


@pytest.mark.material
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_published_rules_allow_what_their_standard_calls_valid(one: Workers, path: Path) -> None:
    standard = path.parents[1]
    them = Rules([RuleFile(path, standard)], {}, lambda: one)
    them.compile()
    for instance in sorted(standard.glob("instances/*.xml")):
        body = instance.read_bytes()
        assert them.find(parse(body), body).shown == ()
