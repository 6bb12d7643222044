"""The command line, the page, the chat and Python take the same options, which are written down once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evolver.cli.run_options import BEGINNING, CONTINUING, configured, in_flags
from evolver.contracts import RunConfig
from evolver.contracts.run_config import fields, limits, option
from evolver.errors import WrongValue
from evolver.graph import Context
from evolver.settings import Settings
from evolver.steering.grammar import read
from evolver.steering.intents import StartCampaign, Unclear
from evolver.web.start_form import FIELDS, MODEL_FIELDS, read_form

Cli = Any
EVOLVER = Path(sys.executable).parent / "evolver"


def test_every_option_of_a_run_is_a_field_and_every_field_an_option(cli: Cli) -> None:
    assert set(fields()) == set(RunConfig.model_fields) == {"task", *BEGINNING}
    assert set(Context.model_fields) == {*fields(), "home"}
    run, resume = cli("run", "--help").stdout, cli("resume", "--help").stdout
    for name in BEGINNING:
        for flag in option(name).flags[0].split("/"):
            assert flag in run, name
            assert (f"{flag} " in resume) == (name in CONTINUING), name
    for name in ("sandbox", "parents", "tuner", "team"):
        assert f"<{'|'.join(limits(name)['enum'])}>" in run, "all choices are shown"


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ("evolver run circle-packing --sandbox ", ["auto", "docker", "bubblewrap", "none"]),
        ("evolver run circle-packing --tuner op", ["optuna:tpe", "optuna:cmaes"]),
        ("evolver resume c --team ", ["offline", "llm", "hybrid"]),
        ("evolver task check t --sandbox b", ["bubblewrap"]),
    ],
)
def test_the_shell_completes_choices(words: str, choices: list[str]) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), "_EVOLVER_COMPLETE": "complete_bash"}
    said = subprocess.run([EVOLVER], env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert said.stdout.split() == choices


@pytest.mark.parametrize(
    ("name", "value", "flags", "form", "chat"),
    [
        ("workers", 1000, "--workers 1000", {"workers": 1000}, "1000 workers"),
        ("experiments", 2_000_000, "--experiments 2000000", {"experiments": 2_000_000}, "2000000 experiments"),
    ],
)
def test_a_wrong_value_gets_one_message_in_the_words_of_each_surface(
    name: str, value: int, flags: str, form: dict[str, int], chat: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongValue) as typed:
        configured({name: str(value)}, Settings(home=tmp_path))
    with pytest.raises(WrongValue) as sent:
        read_form(json.dumps({"task": "circle-packing", **form}).encode(), tmp_path)
    said = read(f"start circle-packing with {chat}")
    advice = str(typed.value).removeprefix(f"{flags}: ")
    assert advice.startswith("write a whole number from 1 to ")
    assert str(sent.value) == f"{name} {value}: {advice}"
    assert isinstance(said, Unclear) and said.understood.endswith(f"but {value} {name}: {advice}")


def test_defaults_are_the_same_whoever_asks(tmp_path: Path) -> None:
    typed = configured({"task": "circle-packing"}, Settings(home=tmp_path))
    sent = read_form(b'{"task": "circle-packing"}', tmp_path)
    said = read("start circle-packing")
    assert isinstance(said, StartCampaign)
    assert typed == sent == Context(home=tmp_path)
    assert all(getattr(said, name) == getattr(typed, name) for name in fields())


def test_the_form_has_fields_of_the_configuration_with_their_limits() -> None:
    assert {field.of for field in (*FIELDS, *MODEL_FIELDS)} <= set(fields())
    workers = next(field for field in FIELDS if field.of == "workers").attributes
    assert (workers["min"], workers["max"], workers["placeholder"]) == (1, 256, "as the CPUs allow")


def test_flags_are_written_with_their_values() -> None:
    assert in_flags("recall") == "--recall" and in_flags("seconds", "10m") == "--time 10m"
