"""The page over the archive, the report, and the server that carries them: `evolver serve`, `evolver report`.

`app.py` is what the LangGraph server mounts, `guard.py` decides who may ask, `serving.py` starts the server;
`views.py` and `curve.py` project the archive, `pages.py` and `api.py` answer requests, `report.py` writes the report.
"""
