"""Takes a picture of a campaign's page, as the README shows it.

evolver run function-fitting --campaign shown
python docs/screenshot.py shown docs/page.png
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import evolver
from tests.support.browser import open_browser, script, until
from tests.support.serving import serving

WIDTH, HEIGHT = 1280, 900


def main(name: str, output: str) -> None:
    """Serve the archive, open the page, and write a PNG of its first window."""
    with serving(evolver.Settings().home.absolute()) as server, open_browser() as browser:
        browser.shape(WIDTH, HEIGHT)
        browser.get(f"{server.url}/evolver/{name}")
        until(lambda: script(browser, "return performance.getEntriesByName('chart').length"), "the chart is drawn")
        browser.picture(Path(output), whole=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
