"""Decide before expensive experiments run: LangGraph's `interrupt()` stops the graph, `Command` goes on.

python examples/approve.py [TASK] [EXPERIMENTS]
"""

from __future__ import annotations

import asyncio
import sys

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import evolver

task = sys.argv[1] if len(sys.argv) > 1 else "function-fitting"
experiments = int(sys.argv[2]) if len(sys.argv) > 2 else 3


async def main() -> None:
    """Approve every experiment but the second."""
    graph = evolver.build_graph(checkpointer=InMemorySaver())
    config = RunnableConfig(configurable={"thread_id": "approve"}, recursion_limit=10_000)
    context = evolver.Context(task=task, experiments=experiments, workers=1, approve_above=0)
    result = await graph.ainvoke({}, config, context=context)
    while "__interrupt__" in result:
        asked = result["__interrupt__"][0].value
        print(f"experiment {asked['experiment']}: {asked['plan']} ({asked['estimate']['words']})")
        answer = {"decision": "approve", "who": "ann"}
        if asked["experiment"] == 2:
            answer = {"decision": "reject", "reason": "it was tried before", "who": "ann"}
        print(f"  {answer['decision']}")
        result = await graph.ainvoke(Command(resume=answer), config, context=context)
    print(f"{result['campaign']}: champion {result['champion']}, score {result['score']:.4g}")


asyncio.run(main())
