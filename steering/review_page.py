"""The page about a whole campaign: the newest one, and how people read it."""

from __future__ import annotations

from evolver.contracts.lesson_events import CampaignReviewed
from evolver.memory import Archive

NONE_YET = "No review yet: with models, one is written every ten experiments. `review: TEXT` begins one."


def newest_review(archive: Archive, campaign: str) -> CampaignReviewed | None:
    """The campaign's page as it is now, if it has one."""
    return next((event.data for event in archive.events.list(campaign, kind=CampaignReviewed, newest=1)), None)


def review_lines(page: CampaignReviewed | None) -> list[str]:
    """A page under its headings; each line has the number that a person names it by."""
    if page is None:
        return [NONE_YET]
    lines, place = [f"Review after experiment {page.number}, by {page.by}:"], 0
    for heading, said in page.sections().items():
        lines.append(f"{heading}:")
        for text in said:
            place += 1
            lines.append(f"  {place}. {text}")
    return lines
