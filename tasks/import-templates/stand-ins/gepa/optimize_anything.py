"""`oa.log` keeps what an evaluator says; the other names can be imported and do nothing here."""

LOGGED = []


def log(*values, sep=" ", **_):
    """Keep a line, as print would write it, for whoever proposes next."""
    LOGGED.append(sep.join(map(str, values)))


def __getattr__(name):
    """Configurations and `optimize_anything` itself, which an evaluator may import and a trial never calls."""
    if name.startswith("__"):
        raise AttributeError(name)

    def absent(*_, **__):
        raise RuntimeError(f"gepa.optimize_anything.{name} is not there within a trial: Evolver searches itself")

    return absent
