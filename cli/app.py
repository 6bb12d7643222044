"""Commands and their options. Bodies import what they need, so that `evolver --help` stays quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evolver.cli.steered import register
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
task_app = typer.Typer(no_args_is_help=True, help="List, check and make tasks.")
memory_app = typer.Typer(no_args_is_help=True, help="Look after the memory of notes and lessons.")
sandbox_app = typer.Typer(no_args_is_help=True, help="Look after the images that programs run in.")
notes_app = typer.Typer(no_args_is_help=True, help="Give Evolver notes and papers to read.")
app.add_typer(task_app, name="task")
app.add_typer(memory_app, name="memory")
app.add_typer(notes_app, name="notes")
app.add_typer(sandbox_app, name="sandbox")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
Experiments = Annotated[int | None, typer.Option("--experiments", "-n", min=1, help="Experiments beside the baseline.")]
TimeBudget = Annotated[str | None, typer.Option("--time", "-t", help="Wall-clock budget: 90s, 10m, 2h.")]
Workers = Annotated[
    int | None, typer.Option("--workers", "-w", min=1, max=256, help="Trials at a time; default: as the CPUs allow.")
]
SandboxChoice = Annotated[
    str | None, typer.Option("--sandbox", help="auto, docker, bubblewrap, or none (protects nothing).")
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

Seed = Annotated[int, typer.Option("--seed", help="Decides which families are hidden.")]
DropConflicts = Annotated[bool, typer.Option("--drop-conflicts", help="Leave out pairs that have both labels.")]

@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Runs machine-learning and algorithm experiments while you sleep."""
    if version:
        from evolver import __version__

        print(f"evolver {__version__}")
        raise typer.Exit


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
    from evolver.cli.run import RunOptions, start

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
    """Go on with a campaign that was stopped or killed, or raise its budget."""
    from evolver.cli.run import RunOptions, go_on

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
    campaign: Annotated[str, typer.Argument(help="Name of the campaign whose recorded answers are used.")],
    name: Annotated[
        str, typer.Option("--campaign", "-c", help="Name of the new campaign; default: the old one's and -replay.")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every trial again instead of using its result.")] = False,
    workers: Workers = None,
    sandbox: SandboxChoice = None,
    json: Json = False,
) -> None:
    """Run a campaign again from its recorded answers, without key or network, and say whether the same comes out."""
    from evolver.cli.replay import run_again

    raise typer.Exit(run_again(campaign, name, fresh, workers, sandbox, json))


@app.command("list")
def list_campaigns(json: Json = False) -> None:
    """List the campaigns of this folder."""
    from evolver.cli.views import show_campaigns

    show_campaigns(json)


@app.command()
def show(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    experiment: Annotated[int | None, typer.Argument(help="Number of an experiment; 0 is the baseline.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many recent experiments to list.")] = 15,
    json: Json = False,
) -> None:
    """Show a campaign, or one of its experiments with its diff, trials, verdict and lesson."""
    from evolver.cli.views import show_campaign, show_experiment

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
    from evolver.cli.export import export_campaign

    export_campaign(campaign, output, json)


@app.command()
def lessons(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign.")],
    query: Annotated[str | None, typer.Argument(help="A question; lessons are then ranked by nearness.")] = None,
    json: Json = False,
) -> None:
    """What a campaign learned, with effect, evidence and confidence."""
    from evolver.cli.views import show_lessons

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
    from evolver.cli.report import write_report

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
    from evolver.cli.serve import start_server

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


@task_app.command("list")
def task_list(json: Json = False) -> None:
    """List the built-in tasks."""
    from evolver.cli.tasks import list_tasks

    list_tasks(json)


@task_app.command("check")
def task_check(
    task: Annotated[str, typer.Argument(help="Built-in task or path of a task folder.")],
    sandbox: SandboxChoice = None,
    stage: Annotated[str, typer.Option("--stage", help="The last stage to try; default: the one that decides.")] = "",
    json: Json = False,
) -> None:
    """Run a task's baseline up the stages, then programs that break or cheat, and say what is wrong."""
    from evolver.cli.tasks import check_task

    raise typer.Exit(check_task(task, sandbox, stage, json))


@task_app.command("new")
def task_new(
    name: Annotated[str, typer.Argument(help="Name of the task; a folder of that name is made here.")],
    json: Json = False,
) -> None:
    """Write a small working task to start from."""
    from evolver.cli.tasks import make_task

    make_task(name, json)


@task_app.command("import")
def task_import(
    source: Annotated[str, typer.Argument(help="Folder of OpenEvolve, ShinkaEvolve or ASI-Evolve.")],
    folder: Annotated[str, typer.Argument(help="Folder for the task; must be absent or empty.")],
    json: Json = False,
) -> None:
    """Write the task that another system's folder is run as, to go on from; `evolver run` needs no such step."""
    from evolver.cli.tasks import import_task

    import_task(source, folder, json)


@task_app.command("data")
def task_data(
    task: Annotated[str, typer.Argument(help="Task that is made of labelled pairs: drug-target.")],
    csv: Annotated[Path, typer.Option("--csv", help="File with the columns drug (SMILES), target (sequence), label.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Task folder to write; must not exist.")],
    columns: Annotated[
        str, typer.Option("--columns", help="Names of columns, such as drug=SMILES,target=Protein,label=Y.")
    ] = "",
    seed: Seed = 0,
    drop_conflicts: DropConflicts = False,
    json: Json = False,
) -> None:
    """Make a task of your own pairs: some drugs and targets are hidden, and only the judge sees their labels."""
    from evolver.cli.task_data import make_from_csv

    make_from_csv(task, csv, output, columns, seed, drop_conflicts, json)


@task_app.command("fetch")
def task_fetch(
    task: Annotated[str, typer.Argument(help="Task that is made of labelled pairs: drug-target.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Task folder to write; must not exist.")],
    table: Annotated[
        Path | None, typer.Option("--from", help="YAML file of sources: address, SHA-256, size and licence of each.")
    ] = None,
    agree: Annotated[bool, typer.Option("--agree", help="Agree to the licences that are shown.")] = False,
    seed: Seed = 0,
    drop_conflicts: DropConflicts = False,
    json: Json = False,
) -> None:
    """Fetch pairs from where they lie, check their hashes, and make a task of them."""
    from evolver.cli.task_data import make_from_sources

    make_from_sources(task, table, output, agree, seed, drop_conflicts, json)


@memory_app.command("rebuild")
def memory_rebuild(json: Json = False) -> None:
    """Make the search index of notes, lessons and ideas anew from the archive."""
    from evolver.cli.memory import rebuild

    rebuild(json)


@sandbox_app.command("build")
def sandbox_build(
    variant: Annotated[
        str, typer.Option("--variant", help="plain (numpy, scipy), cpu (and torch for processors) or cuda.")
    ] = "plain",
    base: Annotated[
        str, typer.Option("--base", help="Image to start from; default: EVOLVER_IMAGE_BASE or python:3.11-slim.")
    ] = "",
    pip_args: Annotated[
        str, typer.Option("--pip-args", help="Further words for pip, such as an index; no passwords: they are kept.")
    ] = "",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it anew even if it is there.")] = False,
    json: Json = False,
) -> None:
    """Build an image for the Docker sandbox, unless it is there; campaigns do it by themselves when they start."""
    from evolver.cli.sandbox import build

    build(variant, base, pip_args, rebuild, json)


@sandbox_app.command("list")
def sandbox_list(json: Json = False) -> None:
    """List the images that Evolver made, with size, age and whether they are current."""
    from evolver.cli.sandbox import show_images

    show_images(json)


@sandbox_app.command("prune")
def sandbox_prune(json: Json = False) -> None:
    """Remove images that an earlier recipe made."""
    from evolver.cli.sandbox import prune

    prune(json)


@notes_app.command("add")
def notes_add(
    paths: Annotated[list[Path], typer.Argument(help="Markdown, text or PDF files, or folders of them.")],
    task: Annotated[str, typer.Option("--task", help="Task they belong to; default: every task.")] = "",
    json: Json = False,
) -> None:
    """Read notes or papers into memory, for every later campaign."""
    from evolver.cli.memory import add_notes

    add_notes(paths, task, json)


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
