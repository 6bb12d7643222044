"""What models are asked to answer with. No field holds a score, an effect or a verdict: those are measured."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

LONGEST = 4000
"""Characters of a plan; other texts may have a quarter."""
LONGEST_COMPONENT = 80


def _said(most: int) -> AfterValidator:
    # Not as a constraint of the field: servers refuse schemas with lengths in them.
    def check(text: str) -> str:
        text = text.strip()
        if not text:
            raise ValueError("this is empty")
        if len(text) > most:
            raise ValueError(f"this has {len(text)} characters; say it in {most}")
        return text

    return AfterValidator(check)


Plan = Annotated[str, _said(LONGEST)]
Sentence = Annotated[str, _said(LONGEST // 4)]
Component = Annotated[
    str, _said(LONGEST_COMPONENT), AfterValidator(lambda words: " ".join(words.lower().replace("_", " ").split()))
]
"""The same words for the same part, since lessons are kept by it."""


class TunedConstant(BaseModel):
    """A constant of the program that is worth searching."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="as the program calls it")
    low: float
    high: float

    @model_validator(mode="after")
    def _in_order(self) -> TunedConstant:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"the range of {self.name} must go from a lower to a higher value")
        return self


class Idea(BaseModel):
    """What the researcher wants tried."""

    model_config = ConfigDict(frozen=True)

    title: str = Field("", description="the change in at most 12 words")
    hypothesis: Sentence = Field(description="what is expected, and the mechanism")
    plan: Plan = Field(description="what the coder must change")
    parent: int = Field(description="number of the experiment whose program is changed")
    others: list[int] = Field([], description="numbers of further experiments that code is taken from")
    component: Component = Field(description="the part or technique that the change is about, in a few words")
    also_tune: list[TunedConstant] = Field([], description="constants that the tuner should vary, with their ranges")
    notes: list[str] = Field([], description="ids of the notes used")
    lessons: list[str] = Field([], description="ids of the lessons used")
    novelty: str = Field("", description="how this differs from what was tried")

    @field_validator("also_tune", mode="before")
    @classmethod
    def _from_names(cls, said: Any) -> Any:
        """Ranges by name, as in `{"RATE": [0.1, 0.5]}`, are taken too."""
        if not isinstance(said, dict):
            return said
        pairs = [(name, ends) for name, ends in said.items() if isinstance(ends, list | tuple) and len(ends) == 2]
        return [{"name": name, "low": ends[0], "high": ends[1]} for name, ends in pairs]

    @property
    def text(self) -> str:
        """What its likeness to other ideas is measured by."""
        return f"{self.hypothesis} {self.plan}"


class Observation(BaseModel):
    """What an experiment teaches, in words."""

    model_config = ConfigDict(frozen=True)

    claim: Sentence = Field(description="what was learned, in one sentence")
    component: Component = Field(description="the part or technique that was changed, in a few words")
    mechanism: str = Field(description="why, in one sentence, or 'unclear'")
    caution: str = Field("", description="where it may not hold")
    same_as: str = Field("", description="id of the earlier lesson that claims the same, if there is one")
    try_next: str = Field("", description="what this makes worth a try, in one sentence")
    ruled_out: str = Field("", description="what need not be tried any more, in one sentence")


class NumberedObservation(Observation):
    """What one of several experiments teaches."""

    experiment: int = Field(description="number of the experiment")


class Observations(BaseModel):
    """What several experiments teach, each for itself."""

    model_config = ConfigDict(frozen=True)

    observations: list[NumberedObservation] = Field(description="one for each experiment")


class Review(BaseModel):
    """A page about where the campaign stands."""

    model_config = ConfigDict(frozen=True)

    state: Sentence = Field(description="what is known, what the champion does, and what limits it, in a few sentences")
    open_questions: list[Sentence] = Field([], description="what an experiment or a look at the data should settle")
    dead_ends: list[Sentence] = Field([], description="what need not be tried again, and what showed it")
    next_experiments: list[Sentence] = Field(description="the next three experiments, the most promising first")
    whole_program: bool = Field(
        False, description="whether single changes gain nothing any more, so that a whole new program should be written"
    )
