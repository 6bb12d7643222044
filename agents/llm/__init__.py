"""The language-model team: a researcher, a coder and a critic that ask chat models; the runner is the common one.

`llm_team` puts it together. Whatever a model says is checked before it counts: ideas against what was tried,
programs in the sandbox, lessons against measurements. A model that gives no usable answer costs one experiment, which
then says so.
"""

from evolver.agents.llm.coder import LlmCoder
from evolver.agents.llm.critic import LlmCritic
from evolver.agents.llm.measuring_critic import MeasuringCritic
from evolver.agents.llm.researcher import LlmResearcher
from evolver.agents.llm.sandbox_checks import Checked, Checks, SandboxChecks
from evolver.agents.llm.team import llm_team

__all__ = [
    "Checked",
    "Checks",
    "LlmCoder",
    "LlmCritic",
    "LlmResearcher",
    "MeasuringCritic",
    "SandboxChecks",
    "llm_team",
]
