"""What Prometheus reads: every name once. Labels are routes, destinations and codes, never ids or persons.

Whoever does the work counts it here; what stands in the store is read when it is asked for, by
`gateway/http/api/metrics.py`. Each process has its own.
"""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def _counter(name: str, said: str, *labels: str) -> Counter:
    return Counter(f"amtsbote_{name}", said, labels, registry=REGISTRY)


def _gauge(name: str, said: str, *labels: str) -> Gauge:
    return Gauge(f"amtsbote_{name}", said, labels, registry=REGISTRY)


def _histogram(name: str, said: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
    return Histogram(f"amtsbote_{name}", said, labels, registry=REGISTRY, buckets=buckets)


_REQUESTS = _histogram(
    "http_request_seconds",
    "HTTP requests by route and class of status; long polls include their wait.",
    *("method", "route", "status"),
    buckets=_SECONDS,
)
_SUBMISSIONS = _counter(
    "submissions",
    "Posted submissions: accepted, repeated, or the type of the problem they were refused with.",
    "result",
)
_PUT_OFF = _counter("put_off", "Requests answered 503 before the work began, by what was full.", "reason")
# There from the start: an alarm sees nothing rise that was not there before.
_PUT_OFF_BY = {
    reason: _PUT_OFF.labels(reason)
    for reason in ("requests", "bodies", "long_polls", "commit_queue", "commit_wait", "disk", "examples")
}
_PUBLISHES = _counter("publishes", "Deliveries published: confirmed, or the error.", "destination", "result")

COMMIT_BATCH = _histogram("commit_batch_size", "Submissions that shared one transaction.", buckets=_SIZES)
COMMIT_SECONDS = _histogram("commit_seconds", "How long a transaction of submissions took.", buckets=_SECONDS)
REPORT_BATCH = _histogram("report_batch_size", "Reports that shared one transaction.", buckets=_SIZES)
RELAY_BATCH = _histogram("relay_batch_size", "Deliveries claimed and published at once.", buckets=_SIZES)

COMMIT_WAITING = _gauge("commit_waiting", "Submissions that wait for their transaction.")
REQUESTS_IN_HAND = _gauge("requests_in_hand", "Requests being answered, long polls included.")
WAITS_IN_HAND = _gauge("long_polls_in_hand", "Answers held until there is news.")
BODY_BYTES = _gauge("body_bytes_in_hand", "Bytes of request bodies held in memory.")
BROKER_CONNECTED = _gauge("broker_connected", "1 while messages can be published.")
STORE_ANSWERS = _gauge("store_answers", "1 where the store answered this very question.")
STANDARDS_USABLE = _gauge(
    "standards_usable", "1 while what the folders of standards hold is served; 0: what was there before is."
)
DISK_FREE = _gauge("disk_free_bytes", "What is free where this process writes; the least of the places.")
DELIVERIES = _gauge("deliveries", "Deliveries that are not done, by state.", "destination", "state")
QUEUE_AGE = _gauge(
    "queue_age_seconds", "How long the oldest delivery waits that could go out now.", "destination"
)
FINDINGS = _gauge("open_findings", "What an operator must look at.", "kind")


def observe_request(method: str, route: str | None, status: int, took_s: float) -> None:
    """Count a request that was answered; whatever a stranger may choose becomes one name."""
    known = method if method in _METHODS else "other"
    _request(known, route or "none", f"{status // 100}xx").observe(took_s)


@cache
def _request(method: str, route: str, status: str) -> Histogram:
    return _REQUESTS.labels(method, route, status)


def count_submission(result: str) -> None:
    """Count a posted submission by `accepted`, `repeated` or the problem's type."""
    _submission(result).inc()


@cache
def _submission(result: str) -> Counter:
    return _SUBMISSIONS.labels(result)


def count_put_off(reason: str, count: int = 1) -> None:
    """Count requests that were put off because something was full."""
    _PUT_OFF_BY[reason].inc(count)


def count_publishes(destination: str, result: str, count: int) -> None:
    """Count deliveries that went out, or did not, by `confirmed` or the name of the error."""
    _PUBLISHES.labels(destination, result).inc(count)
