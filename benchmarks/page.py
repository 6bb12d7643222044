"""Is the page quick and smooth with a long campaign?

    python benchmarks/page.py [--experiments 2000] [--runs 5] [--phone]

Makes an archive with one campaign, starts `evolver serve`, and opens the campaign's page in Chromium without a window
(software rendering), each time with an empty cache. Printed, as medians over the runs: milliseconds from the request to
the first paint and to the drawn chart (the browser's Performance API), bytes transferred, milliseconds between frames
while the whole page is scrolled through, and how long an update takes after something has happened in the campaign.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.browser import PHONE, Browser, open_browser, script, until
from tests.support.made_campaigns import make_campaign
from tests.support.serving import Server, serving

LOADED = """
const [page] = performance.getEntriesByType("navigation");
const parts = performance.getEntriesByType("resource");
const chart = performance.getEntriesByName("chart")[0];
return {
  "answer, ms": page.responseEnd,
  "first paint, ms": performance.getEntriesByName("first-contentful-paint")[0].startTime,
  "chart drawn, ms": chart.startTime,
  "page, KiB": page.transferSize / 1024,
  "all, KiB": (page.transferSize + parts.reduce((sum, one) => sum + one.transferSize, 0)) / 1024,
};
"""
SCROLL = """
const done = arguments[0], gaps = [], height = document.body.scrollHeight - innerHeight, steps = 120;
let last = performance.now(), step = 0;
requestAnimationFrame(function frame(now) {
  if (step) gaps.push(now - last);
  last = now;
  scrollTo(0, height * step / steps);
  step += 1;
  if (step <= steps) requestAnimationFrame(frame);
  else done(gaps);
});
"""
UPDATE = """
const done = arguments[0], before = performance.now();
refresh().then(() => done(performance.now() - before));
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--phone", action="store_true", help="a window as narrow as a phone's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_campaign(Path(folder), "long", options.experiments)
        with serving(Path(folder)) as server, open_browser() as browser:
            if options.phone:
                browser.shape(PHONE, 844)
            found = [measure(browser, server) for _ in range(options.runs)]
    print(f"{options.experiments} experiments, {options.runs} runs, load {os.getloadavg()[0]:.1f}")
    for name in found[0]:
        values = [one[name] for one in found]
        print(f"{name:28} {statistics.median(values):8.1f}   ({min(values):.1f} to {max(values):.1f})")


def measure(browser: Browser, server: Server) -> dict[str, float]:
    """Open the page once."""
    browser.get("about:blank")
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.get(f"{server.url}/evolver/long")
    until(lambda: script(browser, "return performance.getEntriesByName('chart').length"), "the chart is drawn")
    found: dict[str, float] = script(browser, LOADED)
    gaps = sorted(_awaited(browser, SCROLL))
    found["frame while scrolling, ms"] = statistics.median(gaps)
    found["frame, 95th percentile, ms"] = gaps[int(0.95 * len(gaps))]
    found["update, ms"] = _awaited(browser, UPDATE)
    return found


def _awaited(browser: Browser, source: str) -> Any:
    return browser.execute_async_script(source)


if __name__ == "__main__":
    main()
