"""How ShinkaEvolve would be started here."""

task_sys_msg = """Spread the marks of a ruler so that no gap between neighbours is wide."""
