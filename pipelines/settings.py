"""Settings of one data directory: `weathervane.toml`, overridden by `WEATHERVANE_…` environment variables.

Secrets (SMTP password, webhook signing keys) belong in the environment: `WEATHERVANE_ROUTES__0__SECRET=…`.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource


class SettingsError(ValueError):
    """A settings file that cannot be used: names the file, the key and the mend."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Office(_Strict):
    """Who issues the bulletin: the words of its head and foot."""

    name: str = "示例市治庸问责办公室"
    bulletin: str = "舆情快报"
    recipients: str = "市委、市政府领导;市纪委监委"
    place: str = "示例市"


class Reading(_Strict):
    """From which probability a signal is asserted, and from which it waits for a person."""

    assert_from: float = Field(0.5, gt=0, lt=1)
    review_from: float = Field(0.3, gt=0, lt=1)


class Statistics(_Strict):
    """Small cells and surges."""

    small_cell: int = Field(5, ge=1, description="counts of fewer distinct complainants are not published")
    surge_alpha: float = Field(0.005, gt=0, lt=0.5)
    repeat_complainants: int = Field(5, ge=2, description="as many people about one matter raise an alert")


class Route(_Strict):
    """One receiver of alerts."""

    name: str
    kind: Literal["email", "webhook", "wecom", "dingtalk", "feishu"]
    address: str = Field(description="an e-mail address, or the robot's or webhook's URL")
    least_severity: int = Field(1, ge=1, le=3)
    secret: SecretStr | None = None


class Smtp(_Strict):
    """The mail server for routes of kind email."""

    host: str = "127.0.0.1"
    port: int = 25
    sender: str = "weathervane@localhost"
    user: str | None = None
    password: SecretStr | None = None
    tls: bool = False


class Schedules(_Strict):
    """Cron lines of `weathervane serve`, Asia/Shanghai."""

    daily: str = "30 5 * * *"
    weekly: str = "0 8 * * 1"


class Limits(_Strict):
    """How much is taken at once, so that memory stays bounded."""

    batch: int = Field(2000, ge=1)
    workers: int = Field(2, ge=1)
    memory: str = "1500MB"


class Retention(_Strict):
    """How long the vault keeps the unredacted original, in days."""

    vault_days: int = Field(1095, ge=1)


class Settings(BaseSettings):
    """Everything an office sets. Unknown keys are errors."""

    model_config = SettingsConfigDict(env_prefix="WEATHERVANE_", env_nested_delimiter="__", extra="forbid")

    office: Office = Office()
    reading: Reading = Reading()
    statistics: Statistics = Statistics()
    routes: list[Route] = []
    smtp: Smtp = Smtp()
    schedules: Schedules = Schedules()
    limits: Limits = Limits()
    retention: Retention = Retention()
    sources_dir: str | None = Field(None, description="folder of source declarations; default: `sources` in the data directory")
    model_dir: str | None = Field(None, description="folder of the model; default: the one shipped")


def load_settings(file: Path) -> Settings:
    """The settings in `file` (which may be absent) under the environment. Raises SettingsError with one clear line."""

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(cls, settings_cls: type[BaseSettings], **sources: Any) -> tuple[Any, ...]:  # type: ignore[override]
            return sources["init_settings"], sources["env_settings"], TomlConfigSettingsSource(settings_cls, file)

    try:
        return FromFile()
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{file}: {key}: {first['msg']}; mend this key and run again") from None
    except ValueError as error:  # the TOML itself cannot be read
        raise SettingsError(f"{file}: {error}") from None
