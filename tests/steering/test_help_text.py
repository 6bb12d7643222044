"""`help` and docs/steering.md say what the classes say.

`EVOLVER_RENEW_SNAPSHOTS=1 pytest tests/steering/test_help_text.py` writes the tables in docs/steering.md again.
"""

from __future__ import annotations

import os
import re

import pytest

from evolver.steering.help_text import WIDTH, directive_table, help_lines, question_list
from tests.conftest import ROOT

GUIDE = ROOT / "docs" / "steering.md"


@pytest.mark.parametrize(("name", "text"), [("directives", directive_table()), ("questions", question_list())])
def test_the_guide_lists_what_can_be_said(name: str, text: str) -> None:
    part = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
    guide = GUIDE.read_text()
    written = part.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", guide)
    if os.environ.get("EVOLVER_RENEW_SNAPSHOTS"):
        GUIDE.write_text(written)
    else:
        assert part.search(guide)
        assert guide == written, f"docs/steering.md says something else; {__doc__}"


def test_help_fits_a_terminal() -> None:
    assert max(map(len, help_lines())) <= WIDTH
