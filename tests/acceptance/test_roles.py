"""The roles of a gateway in processes of their own, which share the servers and nothing else."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.installation import START_S, Installation, Process, eventually
from tests.acceptance.town import DMS, REGISTER, Mail, applications, submit
from tests.services.runtime import free_ports

DECIDED_S = 60.0
NOT_CONFIGURED, WRONG_USAGE = 4, 2


def serve_apart(town: Installation, role: str) -> tuple[Process, str]:
    (port,) = free_ports(1)
    variables = town.variables | {"AMTSBOTE_PORT": str(port)}
    process = Process(["serve", "--roles", role], variables, town.folder, town.folder / f"{role}.log")
    return process, f"http://127.0.0.1:{port}"


async def test_application_is_decided_when_each_role_is_a_process(servers: Installation) -> None:
    servers.serve("--roles", "http")
    apart = [serve_apart(servers, role) for role in ("relay", "reports")]
    try:
        servers.work(REGISTER)
        servers.work(DMS)
        await servers.ready()
        async with servers.portal() as portal, Mail(portal) as mail:
            posted = await asyncio.gather(*(submit(portal, each) for each in applications()[:6]))
            await mail.decided([each["case_id"] for each in posted], DECIDED_S)
        for process, _ in apart:
            assert process.stop() == 0, process.printed()
    finally:
        for process, _ in apart:
            if process.runs:
                process.kill()


async def test_process_without_http_answers_its_probes_only(servers: Installation) -> None:
    process, url = serve_apart(servers, "relay")
    try:
        async with httpx2.AsyncClient(base_url=url) as http:

            async def ready() -> bool:
                assert process.runs, process.printed()
                try:
                    return (await http.get("/readyz")).status_code == httpx2.codes.OK
                except httpx2.TransportError:
                    return False

            await eventually(ready, START_S, "it is ready")
            assert (await http.get("/healthz")).status_code == httpx2.codes.OK
            assert (await http.post("/v1/submissions")).status_code == httpx2.codes.NOT_FOUND
    finally:
        process.kill()


def test_roles_apart_are_refused_on_the_embedded_default(tmp_path: Path) -> None:
    town = Installation(tmp_path)
    done = town.run("serve", "--roles", "http")
    assert done.returncode == NOT_CONFIGURED
    assert "PostgreSQL and RabbitMQ" in done.stderr


@pytest.mark.parametrize("roles", ["all", "http,,", ""])
def test_unknown_role_is_refused_with_those_there_are(tmp_path: Path, roles: str) -> None:
    done = Installation(tmp_path).run("serve", "--roles", roles)
    assert done.returncode == WRONG_USAGE
    assert "http, relay, reports" in " ".join(done.stderr.replace("│", "").split())
