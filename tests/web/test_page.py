"""What the pages and their JSON say, asked of the real server."""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Program
from evolver.contracts.champion_events import ChampionCrowned
from evolver.graph.campaign_lock import is_running
from evolver.graph.resolved_run import open_archive
from evolver.web.charts import lineage
from evolver.web.diff_view import diff_between
from tests.support.browser import until
from tests.support.made_campaigns import HOSTILE
from tests.support.serving import Server


def test_the_list_says_where_each_campaign_stands(served: Server) -> None:
    lines = {line["name"]: line for line in served.ask("/api/campaigns").json()["campaigns"]}
    assert lines["long"]["state"] == "finished" and lines["waits"]["state"] == "paused"
    assert lines["long"]["finished"] == lines["long"]["budget"] == 130
    assert lines["long"]["baseline"] == 1.0 and lines["long"]["best"] < 0.9
    low, high = lines["long"]["best_interval"]
    assert low < lines["long"]["best"] < high
    page = served.ask("/evolver").text
    assert lines["waits"]["waiting"] == 1 and lines["long"]["waiting"] == 0
    assert page.count("1 waits for you") == sum(line["waiting"] for line in lines.values())
    for name in lines:
        assert f'href="/evolver/{name}"' in page


def test_unchanged_data_is_not_sent_again(served: Server) -> None:
    for path in ("/api/campaigns", "/api/campaigns/long/version", "/api/campaigns/long/curve"):
        first = served.ask(path)
        again = served.ask(path, headers={"If-None-Match": first.headers["etag"]})
        assert (first.status, again.status, again.body) == (200, 304, b"")


def test_the_curve_has_intervals_and_the_champions(served: Server) -> None:
    curve = served.ask("/api/campaigns/long/curve").json()
    assert curve["number"] == list(range(131)) and len(curve["score"]) == len(curve["idea"]) == 131
    scored = [i for i, score in enumerate(curve["score"]) if score is not None]
    assert all(curve["low"][i] < curve["score"][i] < curve["high"][i] for i in scored)
    unusable = curve["kinds"].index("unusable")
    assert [i for i in curve["number"] if i not in scored] == [
        i for i, kind in enumerate(curve["kind"]) if kind == unusable
    ]
    places, scores = zip(*curve["steps"], strict=True)
    assert places[0] == 0 and list(places) == sorted(places), "the line never runs back"
    assert list(scores) == sorted(scores, reverse=True), "champions of a minimisation only get smaller"


def test_the_lineage_shows_every_champion_with_its_ancestors(served: Server) -> None:
    with open_archive(served.home) as archive:
        campaign, experiments = archive.campaigns.get("long"), archive.experiments.list("long")
        crowned = list(
            dict.fromkeys(e.experiment for e in archive.events.list("long", kind=ChampionCrowned) if e.experiment)
        )
    tree = lineage(campaign, experiments, crowned)
    shown = {node.number: node for node in tree.nodes}
    numbers = {e.id: e.number for e in experiments}
    assert {numbers[key] for key in crowned} <= set(shown) and tree.left_out == 131 - len(shown)
    for experiment in experiments:
        if experiment.number in shown and experiment.proposal and experiment.proposal.parents:
            parent = shown[numbers[experiment.proposal.parents[0]]]
            assert parent.x < shown[experiment.number].x
    assert sum(node.others for node in tree.nodes) > 0
    whole = lineage(campaign, experiments, crowned, everything=True)
    assert len(whole.nodes) == 131 and whole.left_out == 0
    assert len({(node.x, node.y) for node in whole.nodes}) == 131, "no two stand in one place"


def test_the_table_is_paged_and_filtered(served: Server) -> None:
    first = served.ask("/evolver/long").text
    assert "page 1 of 3" in first and first.count('<td class="idea">') == 50
    last = served.ask("/evolver/long?page=3").text
    assert last.count('<td class="idea">') == 31 and "run the baseline" in last
    assert "page 3 of 3" in served.ask("/evolver/long?page=999").text
    assert "page 1 of 3" in served.ask("/evolver/long?page=-1&lessons=x").text
    unusable = served.ask("/evolver/long?standing=unusable").text
    assert "ZeroDivisionError" not in unusable and "not improved</td>" not in unusable
    assert served.ask("/evolver/long?standing=strange").status == 404


def test_a_campaign_shows_all_that_is_known(served: Server) -> None:
    page = served.ask("/evolver/long").text
    for said in ("Re-tested", "held-out", "on fresh replicates", "Cost of models", "researcher", "openai:gpt-5-mini"):
        assert said in page, said
    with open_archive(served.home) as archive:
        directive = archive.directives.list("long")[0]
        lessons = archive.lessons.list(campaign="long")
        evidence = archive.experiments.get(lessons[0].evidence[0]).number
    assert f"Changed {directive.uses} experiments" in page and "too few to tell" in page
    assert "<strong>Next experiments.</strong> Halve the rate." in page and "Half of the lines are short." in page
    assert lessons[0].claim in page and f'from <a class="num" href="/evolver/long/{evidence}">' in page


def test_an_experiment_shows_its_diff_trials_verdict_and_call(served: Server) -> None:
    with open_archive(served.home) as archive:
        experiment = archive.experiments.by_number("long", 9)
        assert experiment.proposal and experiment.program
        parent = archive.experiments.get(experiment.proposal.parents[0])
        assert parent.program
        old, new = (
            set(archive.programs.get(p).files["program.py"].splitlines()) for p in (parent.program, experiment.program)
        )
    page = served.ask("/evolver/long/9").text
    assert f"Changes against experiment {parent.number}" in page
    rows = re.findall(r'<tr class="(added|removed)">.*?<td class="code">(.*?)</td></tr>', page)
    plain = [(kind, unescape(text)) for kind, text in rows]
    assert {text for kind, text in plain if kind == "added"} == new - old
    assert {text for kind, text in plain if kind == "removed"} == old - new
    assert f'rmse <span class="num">{experiment.score:.6g}</span>' in page
    assert "shared replicates" in page and "What next?" in page and "1200 in, 150 out" in page
    assert "focus on the initial layout" in page, "the directive that it was proposed under"


def test_a_failed_experiment_shows_the_end_of_its_log(served: Server) -> None:
    with open_archive(served.home) as archive:
        failed = next(e for e in archive.experiments.list("hostile") if e.standing == "unusable")
    page = served.ask(f"/evolver/hostile/{failed.number}").text
    assert "Traceback (most recent call last):" in page and "<details open>" in page
    assert "float division by zero" in page


def test_what_candidates_write_is_text(served: Server) -> None:
    marks = 0
    for path in [
        "/evolver/hostile",
        "/evolver/hostile?lessons=all&lineage=all",
        "/evolver/hostile/2",
        "/evolver/hostile/52",
    ]:
        page = served.ask(path).text
        assert "<script>document" not in page and "<img" not in page
        marks += page.count("&lt;script&gt;document.title")
    assert marks > 10


def test_a_name_in_the_address_is_text(served: Server) -> None:
    answer = served.ask("/evolver/%3Cscript%3Ealert(1)%3C%2Fscript%3E", headers={"Accept": "text/html"})
    assert answer.status == 404 and "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["/evolver/nothing", "/evolver/long/1000", "/evolver/nothing/1"])
def test_what_is_not_there_is_said(served: Server, path: str) -> None:
    page = served.ask(path, headers={"Accept": "text/html"})
    assert page.status == 404 and "All campaigns" in page.text
    assert served.ask(path).json()["detail"] in unescape(page.text)


def test_the_plotting_library_is_sent_compressed_to_whom_it_may(served: Server) -> None:
    plain = served.ask("/evolver/-/plotly.js")
    packed = served.ask("/evolver/-/plotly.js", headers={"Accept-Encoding": "gzip, br"})
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < 0.4 * len(plain.body)
    assert "Accept-Encoding" in packed.headers["vary"] and "nosniff" in packed.headers["x-content-type-options"]
    again = served.ask("/evolver/-/plotly.js", headers={"If-None-Match": plain.headers["etag"]})
    assert again.status == 304 and not again.body


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ({"task": "no-such-task"}, 404, "no-such-task"),
        ({"task": "circle-packing", "campaign": "long"}, 409, "exists"),
        ({"task": "circle-packing", "experiments": 0}, 422, "experiments"),
        ({"task": "circle-packing", "workers": 1000}, 422, "workers"),
        ({"task": "circle-packing", "colour": "red"}, 422, "colour"),
        ({"task": ""}, 422, "task"),
        ({"task": "circle-packing", "model": "openai:gpt-5-mini"}, 409, "OPENAI_API_KEY"),
        ([], 422, "request"),
    ],
)
def test_a_wrong_form_starts_nothing(served: Server, content: Any, status: int, said: str) -> None:
    before = served.ask("/api/campaigns").json()
    answer = served.ask("/api/campaigns", "POST", content=content)
    assert (answer.status, said in answer.json()["detail"]) == (status, True), answer.text
    assert served.ask("/api/campaigns").json() == before


def test_messages_are_answered_and_kept(served: Server) -> None:
    said = {"text": "why is the best the best?", "who": "Ada"}
    replies = served.ask("/api/campaigns/hostile/messages", "POST", content=said).json()["replies"]
    with open_archive(served.home) as archive:
        champion = archive.experiments.champion("hostile")
        assert champion and re.search(rf"\b{champion.number}\b", " ".join(replies))
        asked = archive.directives.list("hostile")[-1]
    assert (asked.kind, asked.who, asked.text) == ("ask", "Ada", said["text"])
    unclear = served.ask("/api/campaigns/hostile/messages", "POST", content={"text": "purple monkey"}).json()["replies"]
    assert "not sure" in unclear[0]
    assert served.ask("/api/campaigns/nothing/messages", "POST", content={"text": "stop"}).status == 404


def test_a_diff_numbers_its_lines() -> None:
    old = Program(files={"a.py": "\n".join(f"x{i}" for i in range(20)), "gone.py": "1"})
    new = Program(files={"a.py": "\n".join(f"x{i}" for i in range(20) if i != 10) + "\nlast", "new.py": "2"})
    first, gone, made = diff_between(old, new)
    assert (first.path, first.added, first.removed) == ("a.py", 1, 1)
    assert [line.text for line in first.lines if line.kind == "removed"] == ["x10"]
    assert next(line for line in first.lines if line.kind == "removed").old == 11
    assert next(line for line in first.lines if line.kind == "added").new == 20
    assert [line.kind for line in first.lines].count("gap") == 2
    assert (gone.path, gone.removed, made.path, made.added) == ("gone.py", 1, "new.py", 1)
    assert diff_between(new, new) == ()


STYLE = (Path(__file__).parents[2] / "web" / "static" / "evolver.css").read_text()
INKS = ("ink", "soft", "accent", "good", "plain", "unsure", "bad")
PAIRS = [
    *((ink, ground) for ink in INKS for ground in ("panel", "ground", "faint")),
    *((ink, f"{ink}-wash") for ink in ("good", "bad", "unsure", "accent")),
    *(("ink", f"{wash}-wash") for wash in ("good", "bad", "unsure", "accent")),
    ("on-accent", "accent"),
]


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_from_their_ground(dark: bool) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 for text."""
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", STYLE)
    colours = dict(found[: len(found) // 2] if not dark else found[len(found) // 2 :])
    poor = {f"{a} on {b}": round(c, 2) for a, b in PAIRS if (c := _contrast(colours[a], colours[b])) < 4.5}
    assert not poor


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dim, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dim + 0.05)


def test_hostile_text_is_really_hostile() -> None:
    assert "<script>" in HOSTILE and "onerror" in HOSTILE


def test_a_relative_task_begins_where_the_server_was_started(served: Server, quadratic: Path) -> None:
    """The server works in its data folder; people name tasks from the folder that they were in."""
    shutil.copytree(quadratic, served.home / "near-task")
    asked = {"task": "./near-task", "campaign": "near", "experiments": 1, "sandbox": "bubblewrap"}
    assert served.ask("/api/campaigns", "POST", content=asked).status == 200
    with open_archive(served.home) as archive:
        assert archive.campaigns.get("near").task == str(served.home / "near-task")
    until(lambda: "-finished-" in served.ask("/api/campaigns/near/version").text, "it ends")
    until(lambda: not is_running(served.home, "near"), "its process lets go")
