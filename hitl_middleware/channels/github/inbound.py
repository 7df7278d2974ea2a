"""A comment in, a command or nothing out. Pure.

    /approve [code] [words]
    /reject [code] [reason]
    /feedback [code] words
    /hitl help · /hitl status

A command is the first line of a comment that is not blank, from its very first column. Lines end at LF or CRLF and nowhere else, and only
spaces and tabs make a blank line: whatever else a program may take for the end of a line (CR alone, U+2028, VT, FF, NEL) a reader of the
comment does not see as one. That rule keeps out quotes, code, lists and HTML comments, too, for each of them begins with a character that
is not ours. After the word comes the end of the line, a space or a tab. A first word on that line with exactly the form of a code is the
code; the rest of the comment, over all its lines, is the text.

Whatever cannot be carried out is no command; why, ``hints.explain`` says. It also tells of commands whose words look like a code that was
mistyped, so nobody acts on a command without having asked it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from hitl_middleware.actions import MAX_MESSAGE
from hitl_middleware.channels.github.words import MOST_BODY
from hitl_middleware.display import visible
from hitl_middleware.ids import CODE_LENGTH, CROCKFORD

CommandName = Literal["approve", "reject", "feedback", "hitl"]

QUESTIONS: Final = ("help", "status")
"""What ``/hitl`` can be asked."""

CODE: Final = re.compile(rf"[{CROCKFORD}]{{{CODE_LENGTH}}}")
"""The form of a request's code."""

_COMMAND: Final = re.compile(r"/(approve|reject|feedback|hitl)(?:[ \t]+(.*))?", re.DOTALL)
_LINE_END: Final = re.compile(r"\r?\n")
_BLANK: Final = " \t"


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asks for. ``code`` names the request; ``text`` is a reason, feedback, a message, or what ``hitl`` is asked."""

    name: CommandName
    code: str | None
    text: str


def parse_command(body: str) -> Command | None:
    """The command of a comment; ``None`` where there is none, or none that can be carried out."""
    if len(body) > MOST_BODY:
        return None
    command = said(body)
    if command is None or len(command.text) > MAX_MESSAGE or not is_text(command.text):
        return None
    if command.name == "feedback" and not has_words(command.text):
        return None
    if command.name == "hitl" and command.text not in QUESTIONS:
        return None
    return command


def said(body: str) -> Command | None:
    """The same by its form alone: it may lack its words or have too many, and ``/hitl`` may be asked anything."""
    first, *others = lines_from_first(body)
    found = _COMMAND.fullmatch(first)
    if found is None:
        return None
    name: CommandName = found[1]  # type: ignore[assignment]  # the pattern has no other
    rest = found[2] or ""
    if name == "hitl":  # what is below it – a signature, say – is not asked
        return Command(name, None, rest.strip())
    word, after = split_word(rest)
    code = word if CODE.fullmatch(word) else None
    text = "\n".join([after if code else rest, *others]).strip()
    return Command(name, code, text)


def lines(body: str) -> list[str]:
    """The lines of a comment as its reader counts them."""
    return _LINE_END.split(body)


def lines_from_first(body: str) -> list[str]:
    """From the first line that is not blank; one empty line where all are."""
    found = lines(body)
    start = next((number for number, line in enumerate(found) if line.strip(_BLANK)), len(found))
    return found[start:] or [""]


def split_word(text: str) -> tuple[str, str]:
    """The first word, up to a space or a tab, and what follows."""
    found = re.match(r"[ \t]*([^ \t]*)(.*)", text, re.DOTALL)
    return (found[1], found[2]) if found else ("", text)


def is_text(text: str) -> bool:
    """Whether it can be stored: half of a surrogate pair is legal JSON and no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def has_words(text: str) -> bool:
    """Whether anything of it can be seen."""
    return any(not char.isspace() and visible(char) == char for char in text)
