"""What `langgraph.json` names: graphs without a checkpointer, because the server brings its own."""

from evolver.graph.campaign import build_graph

campaign = build_graph()
