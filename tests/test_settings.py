"""What the environment says, and the page that lists it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from evolver.errors import UsageError
from evolver.settings import Settings
from evolver.web.access_rules import Access

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_of_settings_is_what_the_classes_say() -> None:
    made = subprocess.run([sys.executable, ROOT / "docs" / "settings_table.py"], capture_output=True, check=True)
    page = (ROOT / "docs" / "settings.md").read_text()
    assert made.stdout.decode() == page, "python docs/settings_table.py > docs/settings.md"
    cells = [cell.strip() for line in page.splitlines() if line.startswith("| `EVOLVER") for cell in line.split("|")]
    assert cells and not [line for line in page.splitlines() if line.endswith("|  |")], "every variable has a meaning"


def test_every_variable_that_the_code_names_is_on_the_page() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    own = [
        name
        for name in listed.stdout.split()
        if not name.startswith(("tests/", "benchmarks/", "docs/", "tasks/import-templates/"))
    ]
    named = {word for name in own for word in re.findall(r"\bEVOLVER_[A-Z]+[A-Z_]*\b", (ROOT / name).read_text())}
    assert len(named) > 15
    assert not sorted(word for word in named if f"`{word}`" not in page)


@pytest.mark.parametrize(
    ("kind", "variable", "value"), [(Settings, "REQUEST_SECONDS", "-1"), (Access, "PAGE", "perhaps")]
)
def test_a_wrong_value_is_told_with_the_name_of_its_variable(
    kind: type[Settings] | type[Access], variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"EVOLVER_{variable}", value)
    with pytest.raises(UsageError, match=f"EVOLVER_{variable}={value}: input should"):
        kind()
