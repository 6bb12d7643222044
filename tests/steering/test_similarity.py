"""Which techniques and functions a topic of a person's own words is about, over the notes of a built-in task."""

from __future__ import annotations

import pytest

from evolver.memory import read_notes
from evolver.search import TechniqueLibrary
from evolver.steering.similarity import NEAR, SURE, Subject, related, same_topic, technique
from evolver.tasks import load_task


@pytest.fixture(scope="module")
def subjects() -> list[Subject]:
    task = load_task("circle-packing")
    assert task.notes is not None
    notes = read_notes([task.notes], task.name)
    sources = {note.id: note.source for note in notes}
    return [
        technique(k, t.title, sources.get(t.note, "")) for k, t in TechniqueLibrary.from_notes(notes).techniques.items()
    ]


def test_a_topic_finds_what_it_is_about_and_no_more(subjects: list[Subject]) -> None:
    names = {subject.name for subject in subjects}
    annealing = set(related("annealing", subjects, SURE))
    assert annealing and annealing < names
    assert all("anneal" in next(s.text for s in subjects if s.name == name).lower() for name in annealing)
    assert not related("tokenisation of protein sequences", subjects, SURE)


def test_a_name_is_as_near_as_can_be(subjects: list[Subject]) -> None:
    name = subjects[0].name
    assert name in related(f"use {name}() more", subjects, NEAR)


def test_topics_are_the_same_but_for_small_words_and_endings() -> None:
    assert same_topic("the initial layouts", "initial layout")
    assert same_topic("normalised perturbations", "normalization of perturbation")
    assert same_topic("initialise", "initialization") and same_topic("moving randomly", "random moves")
    assert not same_topic("layout", "annealing")
    assert not same_topic("the", "a")
