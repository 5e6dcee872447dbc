"""Settings that cannot go together stop the start with a sentence."""

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import load_settings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lease_s": 600}, "AMTSBOTE_LEASE_S"),
        ({"copy_lifetime_s": 900}, "AMTSBOTE_COPY_LIFETIME_S"),
        ({"publish_lease_s": 10}, "AMTSBOTE_PUBLISH_LEASE_S"),
        ({"broker_timeout_s": 60}, "AMTSBOTE_BROKER_TIMEOUT_S"),
        ({"max_sent": 0}, "AMTSBOTE_MAX_SENT: "),
        ({"port": "http"}, "AMTSBOTE_PORT: "),
    ],
)
def test_settings_stop_the_start_when_they_cannot_go_together(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(**changes)
    assert named in refused.value.detail
    assert "Value error" not in refused.value.detail


def test_defaults_go_together() -> None:
    settings = load_settings()
    assert settings.lease_s > settings.copy_lifetime_s
