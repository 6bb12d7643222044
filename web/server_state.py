"""What the requests share: one open archive, and the views of it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import JsonValue
from starlette.requests import Request

from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive
from evolver.settings import Settings
from evolver.web.campaign_views import CampaignViews
from evolver.web.charts import Lineage, curve, lineage


class Resources:
    """Opened when they are first needed, so that importing the application touches no file."""

    @cached_property
    def home(self) -> Path:
        """The data folder."""
        return Settings().home.absolute()

    @cached_property
    def archive(self) -> Archive:
        """The archive, open for the life of the server; safe from several threads."""
        return open_archive(self.home)

    @cached_property
    def campaigns(self) -> CampaignViews:
        """The views."""
        return CampaignViews(self.archive, self.home)

    def curve(self, name: str) -> dict[str, JsonValue]:
        """The data of a campaign's chart. Raises UnknownName."""
        views = self.campaigns
        return curve(self.archive.campaigns.get(name), views.experiments(name), views.crowned(name))

    def lineage(self, name: str, *, everything: bool = False) -> Lineage:
        """A campaign's tree. Raises UnknownName."""
        views = self.campaigns
        campaign = self.archive.campaigns.get(name)
        return lineage(campaign, views.experiments(name), views.crowned(name), everything=everything)


def resources_of(request: Request) -> Resources:
    """The application's, found on the request."""
    found = request.app.state.evolver
    assert isinstance(found, Resources)
    return found
