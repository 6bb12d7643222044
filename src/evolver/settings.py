"""Settings that come from the environment; everything else is an argument or belongs to a campaign."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from variables that start with EVOLVER_."""

    model_config = SettingsConfigDict(env_prefix="EVOLVER_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=lambda: Path(".evolver"))
    """Folder of the archive, the memory, the checkpoints and the trials."""
    archive: str = ""
    """Database URL of the archive; empty: SQLite in `home`."""

    @property
    def archive_url(self) -> str:
        """The archive's database URL."""
        return self.archive or f"sqlite:///{self.home.absolute() / 'archive.sqlite'}"
