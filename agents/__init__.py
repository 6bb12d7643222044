"""The roles of a campaign (`roles`), and the teams that fill them: `offline`, `llm` and `hybrid`."""
