"""Settings that come from the environment; everything else is an argument or belongs to a campaign.

`docs/settings.md` lists them all: it is made from these classes and their docstrings.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from evolver.contracts import SandboxKind
from evolver.errors import UsageError


class EnvironmentSettings(BaseSettings):
    """Read from variables that start with EVOLVER_."""

    model_config = SettingsConfigDict(env_prefix="EVOLVER_", extra="ignore", frozen=True, use_attribute_docstrings=True)

    def __init__(self, **given: Any) -> None:
        """Raises UsageError that names the variable."""
        try:
            super().__init__(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = f"EVOLVER_{str(first['loc'][0]).upper()}"
            raise UsageError(f"{name}={first['input']}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


class Settings(EnvironmentSettings):
    """What commands and campaigns go by."""

    home: Path = Field(default_factory=lambda: Path(".evolver"))
    """Folder of the archive, the memory, the checkpoints and the trials."""
    folder: Path = Path()
    """Where relative paths of tasks begin; a server that works elsewhere is told where it was started."""
    archive: str = ""
    """Database URL of the archive; empty: SQLite in `home`."""
    sandbox: SandboxKind = "auto"
    """Where programs run unless a command says otherwise."""
    model: str = ""
    """Models that new campaigns use unless a command names others, separated by spaces."""
    base_url: str = ""
    """Address of an OpenAI-compatible server that models are asked at; empty: the provider's own."""
    request_seconds: Annotated[float, Field(gt=0)] = 180.0
    """Longest wait for one answer of a model."""
    outage_seconds: Annotated[float, Field(ge=0)] = 3600.0
    """How long a campaign waits for a model provider that is down before it stops; it can be resumed then."""
    answer_tokens: Annotated[int, Field(ge=1)] = 16384
    """Longest answer of a model, its reasoning included; what a cost cap reserves for each call."""
    prices: Path | None = None
    """File of model prices that comes before the shipped ones; unset: `prices.json` in `home`, if there is one."""

    @field_validator("home", "folder", "prices")
    @classmethod
    def _user_folder(cls, path: Path | None) -> Path | None:
        return None if path is None else expanded(path)

    @property
    def archive_place(self) -> str | Path:
        """The archive's database URL, or the file in `home`, whose path is no URL: it may have any letters."""
        return self.archive or self.home.absolute() / "archive.sqlite"


def expanded(path: Path | str) -> Path:
    """A path with `~` at its beginning replaced by the user's folder, as a shell does; any other as it is.

    Args:
        path: As it was written.

    Returns:
        The path; as it is, too, where there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


class SandboxSettings(EnvironmentSettings):
    """What sandboxes go by; each reads it once, when it is opened."""

    gpus: str | None = None
    """GPUs that jobs may use, such as `0,1`; unset: every NVIDIA device of this machine."""
    image_base: str = "python:3.11-slim"
    """Image that the sandbox's own images start from: Debian, Ubuntu or alike, with a Python of 3.11 or newer."""
    image_pip_args: str = ""
    """Further words for pip when it fills an image, such as an index; the image's history keeps them."""
    image_network: str = "default"
    """Docker network that images are built on; `host` where the default one reaches no package index."""


class LogSettings(EnvironmentSettings):
    """What the command line writes of its log."""

    log: str = "warning"
    """Lowest level of the lines on standard error: `debug`, `info`, `warning` or `error`; others for parts of Evolver
    may follow, as in `warning,llm=debug,sandbox.docker=info`."""
