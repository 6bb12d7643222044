"""The commands and their options. Bodies import what they need, so that `evolver --help` stays quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evolver.cli.commands_data import memory_app, notes_app, sandbox_app
from evolver.cli.commands_steering import register
from evolver.cli.commands_task import task_app
from evolver.cli.options import Json, SandboxChoice
from evolver.errors import EvolverError, UsageError

app = typer.Typer(
    name="evolver",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 110},
    help="Runs machine-learning and algorithm experiments while you sleep.",
)
app.add_typer(task_app, name="task")
app.add_typer(memory_app, name="memory")
app.add_typer(notes_app, name="notes")
app.add_typer(sandbox_app, name="sandbox")

Experiments = Annotated[int | None, typer.Option("--experiments", "-n", min=1, help="Experiments beside the baseline.")]
TimeBudget = Annotated[str | None, typer.Option("--time", "-t", help="Wall-clock budget: 90s, 10m, 2h.")]
Workers = Annotated[
    int | None, typer.Option("--workers", "-w", min=1, max=256, help="Trials at a time; default: as the CPUs allow.")
]
TeamChoice = Annotated[
    str | None,
    typer.Option("--team", help="offline, llm or hybrid; default: hybrid where a model is given, else offline."),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="PROVIDER:NAME or ROLE=PROVIDER:NAME, @WEIGHT; may be given several times."),
]
BaseUrl = Annotated[str, typer.Option("--base-url", help="Address of an OpenAI-compatible server for the models.")]
CostCap = Annotated[
    float | None, typer.Option("--cost", min=0.000001, help="Most US dollars for models; a hard limit.")
]
TokenCap = Annotated[
    int | None, typer.Option("--tokens", min=1, help="Most tokens for models, prompts and answers; a hard limit.")
]
Compare = Annotated[bool, typer.Option("--compare", help="Afterwards run the task's plain methods at equal CPU time.")]

ApproveAbove = Annotated[
    str | None,
    typer.Option(
        "--approve-above",
        help="Ask before experiments whose trials may take longer (90s, 10m; GPU-seconds where GPUs are used).",
    ),
]


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


@app.command()
def run(
    task: Annotated[str, typer.Argument(help="Built-in task (see `evolver task list`) or path of a task folder.")],
    experiments: Experiments = None,
    time: TimeBudget = None,
    workers: Workers = None,
    sandbox: SandboxChoice = None,
    notes: Annotated[
        list[str] | None, typer.Option("--notes", help="More notes: markdown, text or PDF files or folders.")
    ] = None,
    campaign: Annotated[
        str, typer.Option("--campaign", "-c", help="Name of the campaign; default: task and a number.")
    ] = "",
    stage: Annotated[
        str, typer.Option("--stage", help="The stage whose metric decides; default: the task's own choice.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", "-s", help="Seed of the search.")] = 0,
    parents: Annotated[
        str, typer.Option("--parents", help="Parent selection: ucb1, greedy, random or islands.")
    ] = "ucb1",
    tuner: Annotated[
        str, typer.Option("--tuner", help="What chooses constants offline: evolution, optuna:tpe or optuna:cmaes.")
    ] = "evolution",
    recall: Annotated[
        bool, typer.Option("--recall/--no-recall", help="Use lessons of earlier campaigns on this task.")
    ] = True,
    team: TeamChoice = None,
    model: Models = None,
    base_url: BaseUrl = "",
    cost: CostCap = None,
    tokens: TokenCap = None,
    approve_above: ApproveAbove = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Run the baseline once, estimate, and stop.")] = False,
    compare: Compare = False,
    json: Json = False,
) -> None:
    """Start a campaign: improve a task's program, round after round, within a budget."""
    from evolver.cli.run_command import RunOptions, start

    start(
        RunOptions(
            task=task,
            experiments=experiments,
            time=time,
            workers=workers,
            sandbox=sandbox,
            notes=tuple(notes or ()),
            campaign=campaign,
            stage=stage,
            seed=seed,
            parents=parents,
            tuner=tuner,
            recall=recall,
            compare=compare,
            team=team,
            models=tuple(model or ()),
            base_url=base_url,
            cost=cost,
            tokens=tokens,
            approve_above=approve_above,
            json_only=json,
        ),
        dry_run=dry_run,
    )


@app.command()
def resume(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign (see `evolver list`).")],
    experiments: Experiments = None,
    time: TimeBudget = None,
    workers: Workers = None,
    sandbox: SandboxChoice = None,
    team: TeamChoice = None,
    model: Models = None,
    base_url: BaseUrl = "",
    cost: CostCap = None,
    tokens: TokenCap = None,
    approve_above: ApproveAbove = None,
    compare: Compare = False,
    json: Json = False,
) -> None:
    """Continue a campaign that was stopped or killed, or raise its budget."""
    from evolver.cli.run_command import RunOptions, go_on

    go_on(
        RunOptions(
            task="",
            campaign=campaign,
            experiments=experiments,
            time=time,
            workers=workers,
            sandbox=sandbox,
            compare=compare,
            team=team,
            models=tuple(model or ()),
            base_url=base_url,
            cost=cost,
            tokens=tokens,
            approve_above=approve_above,
            json_only=json,
        )
    )


@app.command()
def replay(
    campaign: Annotated[
        str,
        typer.Argument(
            help="The campaign whose recorded answers are used: its name, or its recording.jsonl.xz (export)."
        ),
    ],
    name: Annotated[
        str, typer.Option("--campaign", "-c", help="Name of the new campaign; default: the old one's and -replay.")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every trial again instead of using its result.")] = False,
    workers: Workers = None,
    sandbox: SandboxChoice = None,
    json: Json = False,
) -> None:
    """Run a campaign again from its recorded answers, without key or network, and say whether the same comes out."""
    from evolver.cli.replay_command import run_again

    raise typer.Exit(run_again(campaign, name, fresh, workers, sandbox, json))


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
    json: Json = False,
) -> None:
    """Show a campaign, or one of its experiments with its diff, trials, verdict and lesson."""
    from evolver.cli.archive_views import show_campaign, show_experiment

    if experiment is None:
        show_campaign(campaign, last, json)
    else:
        show_experiment(campaign, experiment, json)


@app.command()
def export(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; must not exist.")],
    json: Json = False,
) -> None:
    """Write the best program, what it left, and every experiment, trial and lesson as plain files."""
    from evolver.cli.export_files import export_campaign

    export_campaign(campaign, output, json)


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
        Path | None, typer.Option("--output", "-o", help="File to write; default: the campaign's name and .html.")
    ] = None,
    json: Json = False,
) -> None:
    """Write a campaign's curve, lineage, champions, lessons and experiments as one HTML file."""
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


def entry() -> int:
    """Run the command line and turn errors into exit statuses."""
    try:
        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except EvolverError as error:
        print(f"evolver: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        sys.stderr.close()
    return 0
