"""`evolver serve`: the LangGraph server and the page."""

from __future__ import annotations

from evolver.errors import UsageError


def start_server(
    host: str,
    port: int,
    token: str | None,
    *,
    page: bool,
    allow_hosts: tuple[str, ...],
    allow_origins: tuple[str, ...],
    verbose: bool,
) -> None:
    """Serve until Ctrl-C. Raises UsageError for a wrong option, WorkFailed where the server does not come up."""
    from evolver.web.access_rules import STUDIO, Access
    from evolver.web.server import serve

    for origin in allow_origins:
        if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
            raise UsageError(f"--allow-origin {origin}: write scheme and host alone, as in http://localhost:3000")
    given = Access().token if token is None else token
    access = Access(token=given, bind=host, hosts=allow_hosts, origins=allow_origins, page=page)

    def ready(address: str) -> None:
        login = "/login" if access.token else "/"
        lines = [f"page    {address}{login}"] if page else []
        lines += [
            f"API     {address}  (LangGraph; reference at {address}/docs)",
            f"Studio  {STUDIO}/studio/?baseUrl={address}",
            f"chat    an agent chat page with apiUrl {address} and a graph's name as assistantId; name its origin "
            "with --allow-origin",
        ]
        if access.token:
            lines.append("token   every request needs it: `Authorization: Bearer TOKEN`, or the login page")
            lines.append("        nothing is encrypted: use an SSH tunnel or a proxy with TLS between machines")
        print("\n".join(lines) + "\nStop with Ctrl-C.", flush=True)

    print("Starting the server ...", flush=True)
    serve(access, port, ready, verbose=verbose)
    print("Stopped.", flush=True)
