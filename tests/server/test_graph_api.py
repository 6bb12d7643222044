"""What Studio and programs ask of the LangGraph server, asked of a real one by LangGraph's own client."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError

from evolver.graph.resolved_run import open_archive
from tests.support.server_process import Server

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]


def _context(task: Path, campaign: str, **more: Any) -> dict[str, Any]:
    return {"task": str(task), "campaign": campaign, "workers": 2, **more}


def _human(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "human", "content": text}]}


async def _until(holds: Callable[[], Awaitable[bool]], within: float = 300) -> None:
    deadline = time.monotonic() + within
    while not await holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.3)


def _done(server: Server, campaign: str) -> int:
    with open_archive(server.home) as archive:
        return (
            archive.campaigns.counts(campaign).finished
            if any(c.name == campaign for c in archive.campaigns.list())
            else 0
        )


def _trials(server: Server, campaign: str) -> Counter[tuple[str, str, int]]:
    """How often each replicate of each experiment has a finished trial."""
    with open_archive(server.home) as archive:
        known = [archive.trials.list(e.id) for e in archive.experiments.list(campaign)]
    return Counter((t.experiment, t.stage, t.seed) for trials in known for t in trials)


async def test_the_graphs_read_well(client: LangGraphClient) -> None:
    known = {a["graph_id"]: a for a in await client.assistants.search()}
    assert known.keys() == {"campaign", "chat"}
    assert all(assistant.get("description") for assistant in known.values())
    drawn = await client.assistants.get_graph(known["campaign"]["assistant_id"], xray=True)
    names = {node["id"] for node in drawn["nodes"]}
    assert {"plan", "lane:researcher", "lane:coder", "lane:runner", "lane:critic", "report"} <= names
    edges = {(edge["source"], edge["target"]) for edge in drawn["edges"]}
    loop = ["lane:researcher", "lane:coder", "lane:runner", "lane:critic", "lane:researcher"]
    assert set(itertools.pairwise(loop)) <= edges
    plain = await client.assistants.get_graph(known["campaign"]["assistant_id"])
    assert {"plan", "lane", "report"} <= {node["id"] for node in plain["nodes"]}
    chat = await client.assistants.get_graph(known["chat"]["assistant_id"], xray=True)
    assert {"interpret", "directive", "answer", "campaign_control", "reply"} <= {node["id"] for node in chat["nodes"]}


async def test_the_forms_have_titles_descriptions_and_defaults(client: LangGraphClient, server: Server) -> None:
    ids = {a["graph_id"]: a["assistant_id"] for a in await client.assistants.search()}
    schemas = await client.assistants.get_schemas(ids["campaign"])
    assert set((schemas["input_schema"] or {})["properties"]) == {"campaign"}
    assert set((schemas["output_schema"] or {})["properties"]) == {"campaign", "champion", "score"}
    fields: Mapping[str, Any] = (schemas["context_schema"] or {})["properties"]
    assert {"task", "campaign", "experiments", "workers", "sandbox", "models", "approve_above"} <= fields.keys()
    for name, field in fields.items():
        assert field["title"] and field["title"][0].isupper(), name
        assert len(field["description"]) > 10, name
        assert "default" in field, name
    assert fields["home"]["default"] == str(server.home)
    assert fields["sandbox"]["enum"] == ["auto", "docker", "bubblewrap", "none"]
    chat = await client.assistants.get_schemas(ids["chat"])
    assert "messages" in (chat["input_schema"] or {})["properties"], "Studio's chat mode wants messages"
    assert all("title" in field for field in (chat["context_schema"] or {})["properties"].values())


async def test_a_run_streams_every_mode_and_leaves_a_history(
    client: LangGraphClient, server: Server, quadratic: Path
) -> None:
    thread = (await client.threads.create())["thread_id"]
    seen: Counter[str] = Counter()
    kinds: set[str] = set()
    roles: set[str] = set()
    async for part in client.runs.stream(
        thread,
        "campaign",
        input={},
        context=_context(quadratic, "streamed", experiments=6),
        stream_mode=["values", "updates", "custom"],
        stream_subgraphs=True,
    ):
        mode, _, where = part.event.partition("|")
        seen[mode] += 1
        if mode == "custom":
            kinds.add(part.data["kind"])
        if mode == "updates" and where.startswith("lane:"):
            roles |= part.data.keys()
            if "researcher" in part.data and part.data["researcher"]["experiment"]:
                assert part.data["researcher"]["experiment"].startswith("streamed-")
    assert seen["values"] > 2
    assert roles == {"researcher", "coder", "runner", "critic"}
    assert {"leased", "trial", "concluded"} <= kinds, "the archive's events as they happen"
    state = await client.threads.get_state(thread)
    assert not state["next"]
    values: Any = state["values"]
    with open_archive(server.home) as archive:
        champion = archive.experiments.champion("streamed")
    assert champion is not None
    assert (values["campaign"], values["champion"], values["score"]) == ("streamed", champion.id, champion.score)
    assert sum(values["concluded"].values()) == 6
    history = await client.threads.get_history(thread, limit=50)
    assert [list(dict.fromkeys(h["next"])) for h in history] == [[], ["report"], ["lane"], ["plan"], ["__start__"]]

    # Fork from before `plan`, with a larger budget: what is finished is not run again.
    before = _trials(server, "streamed")
    early = next(h for h in history if h["next"] == ["plan"])
    forked: Any = await client.runs.wait(
        thread,
        "campaign",
        input=None,
        checkpoint_id=early["checkpoint"]["checkpoint_id"],
        context=_context(quadratic, "streamed", experiments=9),
    )
    assert forked["campaign"] == "streamed"
    assert _done(server, "streamed") == 9
    after = _trials(server, "streamed")
    assert all(after[key] == count for key, count in before.items() if "-baseline" not in key[0])
    assert len(await client.threads.get_history(thread, limit=50)) > len(history)


async def test_a_conversation_streams_its_messages_and_can_be_forked(
    client: LangGraphClient, server: Server, quadratic: Path
) -> None:
    await client.runs.wait(None, "campaign", input={}, context=_context(quadratic, "talked", experiments=3))
    thread = (await client.threads.create())["thread_id"]
    context = {"campaign": "talked", "who": "ann"}
    told = []
    async for part in client.runs.stream(
        thread, "chat", input=_human("focus on east"), context=context, stream_mode=["messages-tuple", "updates"]
    ):
        if part.event == "messages" and part.data[0]["type"] in ("ai", "AIMessageChunk"):
            told.append(part.data[0]["content"])
    assert "Most proposals are about “east”" in "".join(told)
    first = (await client.threads.get_history(thread))[0]
    await client.runs.wait(thread, "chat", input=_human("how far?"), context=context)
    asked: Any = (await client.threads.get_state(thread))["values"]
    assert "3 of 3 experiments" in asked["messages"][-1]["content"]
    # Another second message, from where the first was answered.
    other: Any = await client.runs.wait(
        thread,
        "chat",
        input=_human("why is the best the best?"),
        context=context,
        checkpoint_id=first["checkpoint"]["checkpoint_id"],
    )
    assert len(other["messages"]) == 4
    assert other["messages"][2]["content"] == "why is the best the best?"
    assert "is the best" in other["messages"][-1]["content"] or "still the best" in other["messages"][-1]["content"]
    # The same message once more, as a page's "regenerate" does: it is not carried out again.
    history = await client.threads.get_history(thread, limit=50)
    asked_first = [h for h in history if h["next"] == ["interpret"]][-1]
    again: Any = await client.runs.wait(
        thread, "chat", input=None, context=context, checkpoint_id=asked_first["checkpoint"]["checkpoint_id"]
    )
    assert "done already: it is directive 1" in again["messages"][-1]["content"]
    with open_archive(server.home) as archive:
        assert [d.text for d in archive.directives.list("talked") if d.kind == "focus"] == ["focus on east"]


async def test_a_second_message_while_a_run_is_in_progress(client: LangGraphClient, server: Server, slow: Path) -> None:
    thread = (await client.threads.create())["thread_id"]
    context = _context(slow, "busy", experiments=12)
    first = await client.runs.create(thread, "campaign", input={}, context=context)

    async def begun() -> bool:
        return _done(server, "busy") >= 2

    await _until(begun)
    with pytest.raises(ConflictError):
        await client.runs.create(thread, "campaign", input={}, context=context, multitask_strategy="reject")
    elsewhere = (await client.threads.create())["thread_id"]
    # The chat graph is how one talks to it: at once, on a thread of its own, whatever the campaign's run does.
    told: Any = await client.runs.wait(
        elsewhere, "chat", input=_human("how far?"), context={"campaign": "busy", "who": "ann"}
    )
    assert _done(server, "busy") < 12, "the answer did not wait for the campaign"
    assert "of 12 experiments" in told["messages"][-1]["content"]
    # Interrupt: the first run ends, its campaign goes on in the second one.
    second = await client.runs.create(
        thread, "campaign", input={}, context={**context, "experiments": 14}, multitask_strategy="interrupt"
    )
    # Enqueue: the third waits for it, and finds nothing left to do.
    third = await client.runs.create(thread, "campaign", input={}, context=context, multitask_strategy="enqueue")
    assert (await client.runs.get(thread, third["run_id"]))["status"] == "pending"
    await client.runs.join(thread, second["run_id"])
    await client.runs.join(thread, third["run_id"])
    status = {run["run_id"]: run["status"] for run in await client.runs.list(thread)}
    assert [status[run["run_id"]] for run in (first, second, third)] == ["interrupted", "success", "success"]
    assert _done(server, "busy") == 14
    counts = _trials(server, "busy")
    assert len({key[0] for key in counts}) == 15
    assert max(counts.values()) <= 2, "only what the interrupt cut off was run again"

    chat = [
        await client.runs.create(
            elsewhere, "chat", input=_human(text), context={"who": "ann"}, multitask_strategy="enqueue"
        )
        for text in ("note: the first", "note: the second")
    ]
    for run in chat:
        await client.runs.join(elsewhere, run["run_id"])
    values: Any = (await client.threads.get_state(elsewhere))["values"]
    assert [m["content"] for m in values["messages"] if m["type"] == "human"][-2:] == [
        "note: the first",
        "note: the second",
    ]
    assert values["campaign"] == "busy", "the conversation stays with its campaign"


async def test_a_client_approves_rejects_and_edits_at_the_interrupt(
    client: LangGraphClient, server: Server, quadratic: Path
) -> None:
    thread = (await client.threads.create())["thread_id"]
    context = _context(quadratic, "dear", experiments=3, workers=1, approve_above=0.5)
    stopped: Any = await client.runs.wait(thread, "campaign", input={}, context=context)
    shown = stopped["__interrupt__"][0]["value"]
    assert shown["experiment"] == 1
    assert shown["plan"] and shown["diff"].startswith("--- experiment 0/program.py")
    assert shown["estimate"]["seconds"] > 0.5
    assert (await client.threads.get(thread))["status"] == "interrupted"
    stopped = await client.runs.wait(thread, "campaign", command={"resume": "approve"}, context=context)
    assert stopped["__interrupt__"][0]["value"]["experiment"] == 2
    answer = {"decision": "reject", "reason": "enough is known", "who": "bob"}
    stopped = await client.runs.wait(thread, "campaign", command={"resume": answer}, context=context)
    assert stopped["__interrupt__"][0]["value"]["experiment"] == 3
    edit: dict[str, Any] = {"decision": "edit", "who": "bob"}
    stopped = await client.runs.wait(thread, "campaign", command={"resume": edit}, context=context)
    assert "needs the program's files" in stopped["__interrupt__"][0]["value"]["problem"]
    text = (quadratic / "baseline" / "program.py").read_text().replace("X = 1.0", "X = 0.125")
    edit["files"] = {"program.py": text}
    ended: Any = await client.runs.wait(thread, "campaign", command={"resume": edit}, context=context)
    assert "__interrupt__" not in ended
    with open_archive(server.home) as archive:
        verdict = archive.experiments.by_number("dear", 2).verdict
        assert verdict is not None and verdict.reason == "rejected by bob: enough is known"
        assert any("enough is known" in lesson.claim for lesson in archive.lessons.list(campaign="dear"))
        program = archive.experiments.by_number("dear", 3).program
        assert program is not None and archive.programs.get(program).files == {"program.py": text}


async def test_what_is_wrong_is_told_in_words(client: LangGraphClient, quadratic: Path) -> None:
    with pytest.raises(Exception, match="no installed task") as refused:
        await client.runs.wait(None, "campaign", input={}, context={"task": "no-such-task"})
    assert "Traceback" not in str(refused.value)
    with pytest.raises(Exception, match="no field experimints"):
        await client.runs.wait(None, "campaign", input={}, context={"task": str(quadratic), "experimints": 3})


async def _written_again(path: Path) -> None:
    before = path.stat().st_mtime_ns if path.exists() else 0

    async def newer() -> bool:
        return path.exists() and path.stat().st_mtime_ns != before

    await _until(newer)


async def test_a_killed_server_takes_up_its_run_again(server: Server, slow: Path) -> None:
    async with server.client() as client:
        thread = (await client.threads.create())["thread_id"]
        run = await client.runs.create(thread, "campaign", input={}, context=_context(slow, "killed", experiments=20))

        async def some() -> bool:
            return _done(server, "killed") >= 4

        await _until(some)
    for _ in range(2):  # the server writes its list of runs down every two seconds; it may have been at it
        await _written_again(server.home / "server" / ".langgraph_api" / ".langgraph_ops.pckl")
    before = _trials(server, "killed")
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    async with server.client() as client:
        await client.runs.join(thread, run["run_id"])
        assert (await client.runs.get(thread, run["run_id"]))["status"] == "success"
        values: Any = (await client.threads.get_state(thread))["values"]
    assert values["campaign"] == "killed"
    assert _done(server, "killed") == 20
    after = _trials(server, "killed")
    assert all(after[key] == count for key, count in before.items()), "nothing finished is run again"
    assert not server.strangers()
