"""The commands and their options. Bodies import what they need, so that `evolver --help` stays quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evolver.cli.commands_bench import bench
from evolver.cli.commands_data import memory_app, notes_app, sandbox_app
from evolver.cli.commands_steering import register
from evolver.cli.commands_task import task_app
from evolver.cli.lazy_command import lazy
from evolver.cli.options import Json
from evolver.cli.output import protect_output
from evolver.errors import EvolverError, UsageError

app = typer.Typer(
    name="evolver",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110},
    help="Runs machine-learning and algorithm experiments while you sleep.",
)
app.add_typer(task_app, name="task")
app.add_typer(memory_app, name="memory")
app.add_typer(notes_app, name="notes")
app.add_typer(sandbox_app, name="sandbox")


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Write detailed log lines to standard error.")] = False,
) -> None:
    """Runs machine-learning and algorithm experiments while you sleep."""
    if version:
        from evolver import __version__

        print(f"evolver {__version__}")
        raise typer.Exit
    if "--help" not in sys.argv:
        from evolver.cli.log_lines import write_log_lines

        write_log_lines(debug=debug)


@app.command(cls=lazy("evolver.cli.run_command:run"))
def run() -> None:
    """Start a campaign: improve a task's program, round after round, within a budget."""


@app.command(cls=lazy("evolver.cli.run_command:resume"))
def resume() -> None:
    """Continue a campaign that was stopped or killed, or raise its budget; what is not said stays as it is."""


@app.command(cls=lazy("evolver.cli.replay_command:replay"))
def replay() -> None:
    """Run a campaign again from its recorded answers, without key or network, and say whether the same comes out."""


@app.command("list")
def list_campaigns(json: Json = False) -> None:
    """List the campaigns of this folder."""
    from evolver.cli.archive_views import show_campaigns

    show_campaigns(json)


@app.command()
def show(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    experiment: Annotated[int | None, typer.Argument(help="Number of an experiment; 0 is the baseline.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many recent experiments to list.")] = 15,
    review: Annotated[bool, typer.Option("--review", help="Show the page that was written about it last.")] = False,
    json: Json = False,
) -> None:
    """Show a campaign, or one of its experiments with its diff, trials, verdict and lesson."""
    from evolver.cli.archive_views import show_campaign, show_experiment, show_review

    if review and experiment is not None:
        raise typer.BadParameter("--review is about a campaign; name no experiment")
    if review:
        show_review(campaign, json)
    elif experiment is None:
        show_campaign(campaign, last, json)
    else:
        show_experiment(campaign, experiment, json)


@app.command()
def export(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for plain files; must not exist.")
    ] = None,
    git: Annotated[
        Path | None, typer.Option("--git", help="Folder for a git repository, a commit an experiment; must not exist.")
    ] = None,
    patch: Annotated[
        Path | None, typer.Option("--patch", help="File for what the champion changes, as git apply takes it.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the best program and all that was tried as plain files, as a git repository, or as a patch."""
    from evolver.cli.export_files import export_as_git, export_campaign

    if output is not None and not (git or patch):
        export_campaign(campaign, output, json)
        return
    if output is not None or not (git or patch):
        raise typer.BadParameter("name a folder with --output, or one with --git, or a file with --patch")
    export_as_git(campaign, git, patch, json)


@app.command()
def lessons(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    query: Annotated[str | None, typer.Argument(help="A question; lessons are then ranked by nearness.")] = None,
    json: Json = False,
) -> None:
    """What a campaign learned, with effect, evidence and confidence."""
    from evolver.cli.archive_views import show_lessons

    show_lessons(campaign, query, json)


@app.command()
def report(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, .html or .md; default: CAMPAIGN.html."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a campaign's result as one file: what was tried, confirmed, learned and paid (HTML or Markdown)."""
    from evolver.cli.report_command import write_report

    write_report(campaign, output, json)


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on; others than loopback need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8123,
    token: Annotated[
        str | None, typer.Option("--token", help="What every request must carry; default: EVOLVER_TOKEN.")
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the page beside the API.")] = True,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="Further name that the server answers to.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option("--allow-origin", help="Further page that may use the API, as http://HOST:PORT.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the server's log.")] = False,
) -> None:
    """Serve the page, and the LangGraph API for Studio, chat pages and programs."""
    from evolver.cli.serve_command import start_server

    start_server(
        host,
        port,
        token,
        page=page,
        allow_hosts=tuple(allow_host or ()),
        allow_origins=tuple(allow_origin or ()),
        verbose=verbose,
    )


@app.command()
def doctor(json: Json = False) -> None:
    """Check what this machine offers, and what each missing part costs."""
    from evolver.cli.doctor import examine

    raise typer.Exit(examine(json))


register(app)
app.command()(bench)


def entry() -> int:
    """Run the command line and turn errors into exit statuses; tracebacks of the system's errors need --debug."""
    protect_output()
    try:
        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except EvolverError as error:
        print(f"evolver: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except Exception as error:
        from evolver.system_errors import of_system

        said = of_system(error)
        if said is None or "--debug" in sys.argv:
            raise
        print(f"evolver: {said}", file=sys.stderr)
        return 1
    return 0
