"""The language-model team: a researcher, a coder and a critic that ask chat models; the runner is the common one.

`language_team` puts it together. Whatever a model says is checked before it counts: ideas against what was tried,
programs in the sandbox, lessons against measurements. A model that gives no usable answer costs one experiment, which
then says so.
"""

from evolver.agents.language.checks import Checked, Checks, SandboxChecks
from evolver.agents.language.coder import LanguageCoder
from evolver.agents.language.critic import LanguageCritic, MeasuringCritic
from evolver.agents.language.researcher import LanguageResearcher
from evolver.agents.language.team import language_team

__all__ = [
    "Checked",
    "Checks",
    "LanguageCoder",
    "LanguageCritic",
    "LanguageResearcher",
    "MeasuringCritic",
    "SandboxChecks",
    "language_team",
]
