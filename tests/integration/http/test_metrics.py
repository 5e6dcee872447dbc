"""What Prometheus reads: figures of what happened and of what waits, for the holder of the token only."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.http.app import create_probes
from tests.integration.http.portal import LEAD, PORTAL, Portal, message, running, sample
from tests.integration.http.problem_cases import break_store

TOKEN = "a token for metrics, and long enough"

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
async def watched(tmp_path):
    async with running(tmp_path) as portal:
        (portal.service.settings.secrets / "metrics.token").write_text(TOKEN)
        yield portal


async def scrape(portal: Portal) -> str:
    portal.app.state.figures_until = 0
    answer = await portal.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


async def figures(portal: Portal) -> Figures:
    families = text_string_to_metric_families(await scrape(portal))
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in families
        for each in family.samples
    }


def value(found: Figures, name: str, **labels: str) -> float:
    return found.get((f"amtsbote_{name}", frozenset(labels.items())), 0)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}]
)
async def test_metrics_are_refused_when_the_token_is_another(watched: Portal, headers: dict[str, str]):
    answer = await watched.http.get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert "metrics.token" in answer.json()["detail"]


async def test_metrics_are_refused_to_everybody_when_there_is_no_token_file(portal: Portal):
    for token in ("", "None", PORTAL):
        answer = await portal.http.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


async def test_submissions_are_counted_by_their_result_when_they_are_posted(watched: Portal):
    before = await figures(watched)
    body = message()
    for each in (body, body, sample("12-nicht-wohlgeformt")):
        await watched.submit(each)
    after = await figures(watched)
    for result in ("accepted", "repeated", "malformed-xml"):
        counted = [value(each, "submissions_total", result=result) for each in (before, after)]
        assert counted[1] - counted[0] == 1, result
    labels = {"method": "POST", "route": "/v1/submissions", "status": "2xx"}
    requests = [value(each, "http_request_seconds_count", **labels) for each in (before, after)]
    assert requests[1] - requests[0] == 2
    batches = [value(each, "commit_batch_size_count") for each in (before, after)]
    assert batches[1] - batches[0] == 2


async def test_open_deliveries_and_their_age_are_shown_when_something_waits(watched: Portal):
    assert value(await figures(watched), "deliveries", destination=LEAD, state="waiting") == 0
    await watched.submitted()
    found = await figures(watched)
    assert value(found, "deliveries", destination=LEAD, state="waiting") == 1
    assert value(found, "queue_age_seconds", destination=LEAD) > 0
    assert value(found, "store_answers") == 1
    assert value(found, "broker_connected") == 1
    assert value(found, "disk_free_bytes") > 0


async def test_figures_of_the_store_are_left_out_when_it_is_away(watched: Portal):
    await watched.submitted()
    await figures(watched)
    await watched.store.close()
    break_store(watched)
    await watched.submit(message())
    text = await scrape(watched)
    assert "amtsbote_store_answers 0.0" in text
    assert "amtsbote_deliveries{" not in text
    assert 'amtsbote_submissions_total{result="unavailable"}' in text


async def test_nobody_can_add_labels_when_addresses_and_methods_are_made_up(watched: Portal):
    await watched.http.request("GEHEIM", "/v1/mailbox")
    await watched.http.get("/geheim-4711")
    await watched.get("/v1/submissions/geheim-4711")
    text = await scrape(watched)
    assert "eheim" not in text
    assert "GEHEIM" not in text
    assert 'route="none"' in text


async def test_ids_and_content_stay_out_when_something_was_posted(watched: Portal):
    accepted = await watched.submitted()
    text = await scrape(watched)
    for secret in (accepted["submission_id"], accepted["case_id"], PORTAL, "Müßig"):
        assert secret not in text


async def test_process_without_calls_says_how_it_is_when_asked(watched: Portal):
    probe = Portal(create_probes(watched.service), watched.service)
    assert (await probe.http.get("/healthz")).status_code == 200
    assert (await probe.http.get("/readyz")).status_code == 200
    assert value(await figures(probe), "broker_connected") == 1
    assert (await probe.http.post("/v1/submissions")).status_code == 404
    assert (await probe.http.get("/console")).status_code == 404
    await probe.http.aclose()
