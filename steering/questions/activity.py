"""What the campaign does now, and how far it is."""

from __future__ import annotations

from evolver.steering import approval
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType
from evolver.steering.questions.approvals import waiting_lines


class DoingQuestion(QuestionType):
    """Which experiments are in work."""

    kind = "doing"
    examples = ("what are you doing?",)
    patterns = (
        r"what (?:are you|is it|is the campaign|is everyone) doing(?: now| right now| at the moment)?",
        r"what(?:'s| is| are)(?: now)? (?:running|going on|happening|in work|being tried)(?: now| right now)?",
    )

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Each experiment in work with its plan."""
        campaign = facts.archive.campaigns.get(facts.campaign)
        if not facts.running:
            return [f"Nothing: no process runs this campaign, which is {campaign.status}. Say `go on` to start one."]
        in_work = facts.archive.leases.unfinished(facts.campaign)
        waits = {one.experiment.id for one in approval.waiting(facts.archive, facts.campaign)}
        lines = [f"The campaign is {campaign.status}; {len(in_work)} experiments are in work:"]
        for experiment in in_work:
            proposal = experiment.proposal
            plan = "thinking of something" if proposal is None else f"{proposal.operator}: {proposal.plan}"
            note = " (waits for approval)" if experiment.id in waits else ""
            lines.append(f"  {experiment.number}: {plan[:160]}{note}")
        return lines if in_work else [f"The campaign is {campaign.status}; no experiment is in work right now."]


class ProgressQuestion(QuestionType):
    """How many experiments are done, and how long the rest takes."""

    kind = "progress"
    may_be_worded = False
    examples = ("how far?", "how long will it take?")
    patterns = (
        r"status|state|thanks|thank you(?: very much)?|cheers",
        r"how far(?: are you| are we| along| is it| have you come| did you get)*",
        r"(?:what(?:'s| is) the )?progress|how (?:is it|are you|are things|is the campaign) (?:going|doing)|"
        r"are we there yet",
        r"how many(?: experiments)?(?: are)?(?: left| done| finished| remain(?:ing)?| so far| to go)*",
        r"how (?:much )?long(?:er)?(?: will it take| does it take| is left| left| to go| still)*",
        r"when (?:will|are|is) (?:it|you|the campaign)(?: be)? (?:done|finished|ready|over)",
    )
    keywords = ("status", "progress")

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Experiments, champion, time, and what waits for a person."""
        campaign, counts = facts.archive.campaigns.get(facts.campaign), facts.archive.campaigns.counts(facts.campaign)
        state = "" if facts.running or campaign.status != "running" else ", but no process runs it: say `go on`"
        lines = [
            f"{facts.campaign}: {counts.finished} of {campaign.budget.experiments} experiments are done; the campaign "
            f"is {campaign.status}{state}."
        ]
        champion = facts.archive.experiments.champion(facts.campaign)
        if champion is not None:
            lines.append(f"The best so far is experiment {champion.number}: {facts.score(champion)}.")
        if campaign.budget.seconds is not None:
            lines.append(f"{campaign.seconds:.0f} of {campaign.budget.seconds:.0f} s are used.")
        left = campaign.budget.experiments - counts.finished
        if facts.running and counts.finished and left > 0 and campaign.seconds > 0:
            lines.append(f"At this pace the rest takes about {left * campaign.seconds / counts.finished:.0f} s.")
        return [*lines, *waiting_lines(facts)]
