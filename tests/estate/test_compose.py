"""The production shape: what compose.yaml and the Dockerfile say must fit the program they start."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from deploy.make_secrets import make_secrets
from gateway.config import Config, load_config
from gateway.settings import Settings
from gateway.store.key_file import read_master_key

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
WORKERS = [name for name in OURS if SERVICES[name].get("command", [])[:1] == ["work"]]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if re.match(r"[A-Z]+ ", line)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FULL_VERSION = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)*")


def demo_config() -> Config:
    (file,) = [ROOT / COMPOSE["configs"][each["source"]]["file"] for each in SERVICES["gateway"]["configs"]]
    return load_config(file)


def secret_files(service: str) -> dict[str, str]:
    """Where a service finds its secrets → the file on this machine."""
    mounted = {}
    for each in SERVICES[service].get("secrets", []):
        source, target = (each, each) if isinstance(each, str) else (each["source"], each["target"])
        path = target if target.startswith("/") else f"/run/secrets/{target}"
        mounted[path] = COMPOSE["secrets"][source]["file"]
    return mounted


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    make_secrets(ROOT / "fixtures/demo/config.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def definitions(made: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((made / "rabbitmq/definitions.json").read_text(encoding="ascii"))
    return parsed


@pytest.mark.parametrize("name", SERVICES)
def test_image_is_pinned_to_a_full_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert FULL_VERSION.fullmatch(image)
    # RabbitMQ and the product have three numbers, PostgreSQL has two.
    assert image.count(".") == (1 if image.startswith("postgres:") else 2)


def test_own_image_has_the_version_of_the_project() -> None:
    assert {SERVICES[name]["image"] for name in OURS} == {f"amtsbote:{PROJECT['version']}"}


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_a_health_check_with_bounded_waits(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert check["test"][1:] not in (["true"], ["exit 0"])
    assert {"interval", "timeout", "retries"} <= set(check)


@pytest.mark.parametrize("name", OURS)
def test_python_of_a_health_check_compiles(name: str) -> None:
    test = SERVICES[name]["healthcheck"]["test"]
    assert test[1:3] == ["python", "-c"]
    compile(test[3], name, "exec")


@pytest.mark.parametrize("name", OURS)
def test_every_setting_that_is_passed_exists(name: str) -> None:
    known = {f"AMTSBOTE_{field.upper()}" for field in Settings.model_fields}
    passed = set(SERVICES[name]["environment"])
    from_files = {Path(path).name.upper() for path in secret_files(name) if "amtsbote_" in path}
    assert passed | from_files <= known
    assert {"AMTSBOTE_CONFIG", "AMTSBOTE_SECRETS_DIR"} <= passed


def test_every_setting_of_the_image_exists() -> None:
    known = {f"AMTSBOTE_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"AMTSBOTE_\w+", DOCKERFILE)) <= known


@pytest.mark.parametrize("name", OURS)
def test_no_password_is_in_an_environment(name: str) -> None:
    assert not {"AMTSBOTE_DATABASE_URL", "AMTSBOTE_AMQP_URLS", "AMTSBOTE_ADAPTER_DB"} & set(
        SERVICES[name]["environment"]
    )


def test_one_worker_serves_each_destination_of_the_demo() -> None:
    assert sorted(WORKERS) == sorted(demo_config().destination)
    assert [SERVICES[name]["command"] for name in WORKERS] == [["work", name] for name in WORKERS]


@pytest.mark.parametrize("name", OURS)
def test_own_service_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "user" not in service  # the image's own, see the Dockerfile
    assert not service.get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_published_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_database_is_reached_by_gateway_and_migration_only() -> None:
    assert COMPOSE["networks"]["store"] == {"internal": True}
    assert {name for name in SERVICES if "store" in SERVICES[name]["networks"]} == {
        "postgresql",
        "migrate",
        "gateway",
    }


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_is_defined(name: str) -> None:
    service = SERVICES[name]
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])
    assert {each["source"] for each in service.get("configs", [])} <= set(COMPOSE["configs"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_every_secret_is_used_and_made(made: Path) -> None:
    used = {file for name in SERVICES for file in secret_files(name).values()}
    assert used == {each["file"] for each in COMPOSE["secrets"].values()}
    assert [file for file in sorted(used) if not (made.parent / file).is_file()] == []


def test_gateway_has_the_secret_of_every_client_destination_and_operator() -> None:
    config = demo_config()
    parts = {"clients": config.client, "destinations": config.destination, "operators": config.operator}
    wanted = {f"/run/secrets/{part}/{name}" for part, names in parts.items() for name in names}
    assert wanted | {"/run/secrets/token.key"} <= set(secret_files("gateway"))


def test_master_key_is_the_gateways_only(made: Path) -> None:
    assert [name for name in SERVICES if "/run/secrets/master.key" in secret_files(name)] == ["gateway"]
    assert read_master_key(made / "master.key")


@pytest.mark.parametrize("name", WORKERS)
def test_worker_has_its_own_secrets_only(name: str) -> None:
    assert secret_files(name) == {
        "/run/secrets/amtsbote_amqp_urls": f"secrets/workers/{name}",
        f"/run/secrets/destinations/{name}": f"secrets/destinations/{name}",
    }


def test_secrets_are_kept_when_made_again(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    make_secrets(ROOT / "fixtures/demo/config.yaml", made)
    after = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    changed = [path.name for path, content in before.items() if after[path] != content]
    assert changed == ["definitions.json"]  # its hashes are salted anew
    assert set(after) == set(before)


def test_secrets_folder_is_closed_to_others_and_never_committed(made: Path) -> None:
    assert made.stat().st_mode & 0o077 == 0
    assert "secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "*" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_address_of_a_worker_names_its_own_user(made: Path, definitions: dict[str, Any]) -> None:
    users = {user["name"] for user in definitions["users"]}
    for name in WORKERS:
        address = urlsplit((made / "workers" / name).read_text(encoding="ascii"))
        assert address.username == name
        assert address.hostname in SERVICES
        assert name in users


def test_no_password_is_among_the_definitions(made: Path, definitions: dict[str, Any]) -> None:
    text = json.dumps(definitions)
    passwords = [
        path.read_text(encoding="ascii") for path in (made / "rabbitmq").iterdir() if not path.suffix
    ]
    assert len(passwords) == len(definitions["users"])
    assert not [password for password in passwords if password in text]


@pytest.mark.parametrize("name", WORKERS)
def test_worker_may_read_its_queue_and_write_its_reports_only(name: str, definitions: dict[str, Any]) -> None:
    (may,) = [each for each in definitions["permissions"] if each["user"] == name]
    (topic,) = [each for each in definitions["topic_permissions"] if each["user"] == name]
    names = [
        "amtsbote.deliveries",
        "amtsbote.reports",
        "amtsbote.dead",
        *map("amtsbote.deliveries.{}".format, WORKERS),
    ]
    assert [each for each in names if re.search(may["read"], each)] == [f"amtsbote.deliveries.{name}"]
    assert [each for each in names if re.search(may["write"], each)] == ["amtsbote.reports"]
    assert [each for each in names if re.search(may["configure"], each)] == []
    reports = [f"{each}.{kind}" for each in WORKERS for kind in ("delivery.accepted", "case.decision")]
    assert topic["exchange"] == "amtsbote.reports"
    assert {each for each in reports if re.search(topic["write"], each)} == {
        f"{name}.delivery.accepted",
        f"{name}.case.decision",
    }


def test_every_stage_of_the_image_starts_from_a_pinned_version() -> None:
    images = [rest.split()[0] for word, rest in INSTRUCTIONS if word == "FROM"]
    assert len(images) > 1  # what builds is not what runs
    assert [image for image in images if not re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", image)] == []


def test_image_runs_as_an_unprivileged_user_and_has_a_health_check() -> None:
    last_stage = INSTRUCTIONS[max(i for i, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]
    words = [word for word, _ in last_stage]
    assert "HEALTHCHECK" in words
    user = [rest for word, rest in last_stage if word == "USER"][-1].partition(":")[0]
    assert int(user) > 0
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("RUN", "COPY"))


def test_image_is_made_of_files_that_reach_the_builder() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for word, rest in INSTRUCTIONS
        if word == "COPY" and not rest.startswith("--")
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


def test_validation_is_measured_with_the_memory_settings_of_the_image() -> None:
    (setting,) = [each for name, each in INSTRUCTIONS if name == "ENV" and "GLIBC_TUNABLES" in each]
    command = ["make", "--dry-run", "bench-validate"]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert f"{setting} .venv/bin/python -m benchmarks.validating" in made
