"""`evolver chat`: progress above, conversation below; the campaign runs in a process of its own."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.errors import EvolverError, UsageError
from evolver.graph.campaign_lock import is_running
from evolver.graph.message_handler import NO_CAMPAIGN, answer, newest_campaign
from evolver.graph.resolved_run import open_archive
from evolver.settings import Settings

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from evolver.memory import Archive

LEAVE = frozenset(("exit", "quit", "bye", "/exit", "/quit", "leave"))
RECENT = 5
"""Directives that are shown to someone who joins."""
_FENCE = "```"


def chat(campaign: str | None, who: str | None, as_json: bool) -> None:
    """Talk to a campaign: in a terminal, or line by line from a pipe. Raises UsageError, UnknownName."""
    home = Settings().home
    with open_archive(home) as archive:
        talk = Talk(home, archive, campaign or newest_campaign(home, archive), who or _user())
        if talk.campaign:
            archive.campaigns.get(talk.campaign)
        if sys.stdin.isatty() and sys.stdout.isatty() and not as_json:
            _converse(talk)
        else:
            _answer_lines(talk, as_json)


class Talk:
    """One person's conversation with one campaign at a time."""

    def __init__(self, home: Path, archive: Archive, campaign: str, who: str) -> None:
        self.home = home
        self.archive = archive
        self.campaign = campaign
        self.who = who

    def say(self, text: str) -> list[str]:
        """The replies to a message."""
        try:
            self.campaign = self.campaign or newest_campaign(self.home, self.archive)
            said = answer(self.home, self.archive, self.campaign, text, self.who)
            replies, self.campaign = said.replies, said.campaign
        except EvolverError as error:
            replies = [str(error)]
        return [shown for reply in replies for shown in printable(reply).splitlines()]

    def greeting(self) -> list[str]:
        """What someone is told who joins."""
        if not self.campaign:
            return [NO_CAMPAIGN]
        campaign = self.archive.campaigns.get(self.campaign)
        said = [d for d in self.archive.directives.list(self.campaign) if not d.is_question][-RECENT:]
        lines = [f"Campaign {campaign.name}: {campaign.metric.direction} {campaign.metric.name} of {campaign.task}."]
        lines += [f"  {d.number}. {d.who}: {printable(d.text).splitlines()[0][:100]} ({d.status})" for d in said]
        if not is_running(self.home, self.campaign):
            lines.append(f"It is {campaign.status}, and no process runs it; say `go on` to start one.")
        lines.append("`help` shows what you can say. Ctrl-D leaves; the campaign continues.")
        return lines


def printable(text: str) -> str:
    """A text without what would steer a terminal; candidates write some of what is shown."""
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "" for c in text)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def _answer_lines(talk: Talk, as_json: bool) -> None:
    """Answer each message from standard input."""
    for text in _messages():
        if text.lower() in LEAVE:
            return
        replies = talk.say(text)
        if as_json:
            print(json.dumps({"campaign": talk.campaign, "message": text, "replies": replies}), flush=True)
        else:
            print(f"> {printable(text)}", *replies, sep="\n", flush=True)


def _messages() -> Iterator[str]:
    """Messages, one a line; a fenced piece of code belongs to the line before it."""
    lines: list[str] = []
    for line in sys.stdin:
        begins = line.strip().startswith(_FENCE)
        if lines and not _is_open(lines) and not begins:
            yield "".join(lines).strip()
            lines = []
        if line.strip() or lines:
            lines.append(line)
    if lines:
        yield "".join(lines).strip()


def _is_open(lines: list[str]) -> bool:
    return sum(line.strip().startswith(_FENCE) for line in lines) % 2 == 1


def _converse(talk: Talk) -> None:
    """The terminal: events scroll by, the newest state stands above the input line."""
    from prompt_toolkit.patch_stdout import patch_stdout

    from evolver.cli.chat_view import View

    session = _session(talk.home)
    for line in talk.greeting():
        print(line)
    leaving = False
    with patch_stdout(raw=True), View(talk.home, talk.archive) as view:
        while True:
            view.campaign = talk.campaign
            try:
                text = session.prompt(view.above, refresh_interval=view.refresh).strip()
                if text.lower() in LEAVE:
                    break
                leaving = False
                if text:
                    for reply in talk.say(text):
                        print(reply)
            except KeyboardInterrupt:
                if leaving:
                    break
                leaving = True
                print("Press Ctrl-C again to leave; the campaign continues. `pause` or `stop` end its work.")
            except EOFError:
                break
    if talk.campaign and is_running(talk.home, talk.campaign):
        print(f"The campaign continues. Come back with: evolver chat {talk.campaign}")


def _session(home: Path) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory

    home.mkdir(parents=True, exist_ok=True)
    try:
        return PromptSession(history=FileHistory(str(home / "chat-history")))
    except OSError as error:
        raise UsageError(f"this terminal cannot hold a conversation ({error}); pipe lines into it instead") from None
