"""The options of a destination that the sample office serves."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_CLERK_DELAY_S = 0.2


class Options(BaseModel):
    """What an operator may set for this office in config.yaml.

    `automation_basis` is the legal basis on which rules may grant a parking permit; without one nothing is
    decided by rules. `zones` lists the streets of each parking zone. `refuse_services` are services for which
    the office is not competent. `page_port` opens the clerk's page on 127.0.0.1, with the password in
    `page_secret_file` (without one, a generated one in the data folder).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    automation_basis: str | None = Field(default=None, min_length=1)
    zones: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    contact: str | None = Field(default=None, max_length=500)
    refuse_services: frozenset[str] = frozenset()
    scripted_clerk: bool = False
    clerk_delay_s: float = Field(default=DEFAULT_CLERK_DELAY_S, ge=0, le=60)
    page_port: int | None = Field(default=None, ge=0, le=65535)
    page_secret_file: Path | None = None
