"""`evolver report`: a campaign as one HTML or Markdown file."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from evolver.errors import UsageError
from evolver.settings import Settings, expanded
from evolver.text_files import write_text


def write_report(name: str, output: Path | None, as_json: bool) -> None:
    """Write the report. Raises UnknownName, and UsageError where the file cannot be written or plotly is missing."""
    path = expanded(output) if output else Path(f"{name}.html")
    markdown = path.suffix.lower() in (".md", ".markdown")
    if not markdown and find_spec("plotly") is None:
        raise UsageError("the report draws with plotly, which is missing: pip install 'evolver[serve]'")
    from evolver.web.report import report, report_markdown

    text = report_markdown(Settings().home, name) if markdown else report(Settings().home, name)
    try:
        write_text(path, text)
    except OSError as error:
        raise UsageError(f"--output {path}: {(error.strerror or str(error)).lower()}") from None
    if as_json:
        print(json.dumps({"campaign": name, "output": str(path.absolute()), "bytes": path.stat().st_size}))
    else:
        how = "" if markdown else "; open it in a browser, or send it: it needs no other file and no network"
        print(f"Wrote {path}{how}.")
