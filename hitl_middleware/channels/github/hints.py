"""What somebody is told who nearly wrote a command: one friendly sentence with the right form. Pure.

A hint is a guess, so it is made only where little else can have been meant. A path, prose that mentions approval and the commands of other
bots get none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Final

from hitl_middleware.actions import MAX_MESSAGE
from hitl_middleware.channels.github import inbound
from hitl_middleware.channels.github.inbound import Command, CommandName
from hitl_middleware.channels.github.markdown import code
from hitl_middleware.channels.github.words import MOST_BODY
from hitl_middleware.ids import CODE_LENGTH

Hint = Callable[[str, list[str]], str | None]

_FORMS: Final[dict[str, str]] = {
    "approve": "/approve",
    "reject": "/reject <reason>",
    "feedback": "/feedback <text>",
    "hitl": "/hitl help",
}
_DECIDING: Final = ("approve", "reject", "feedback")

_ALSO: Final[dict[str, CommandName]] = {
    "accept": "approve", "accepted": "approve", "approval": "approve", "lgtm": "approve", "ok": "approve", "yes": "approve",
    "decline": "reject", "declined": "reject", "deny": "reject", "denied": "reject", "refuse": "reject", "rejection": "reject",
    "no": "reject",
    "change": "feedback", "changes": "feedback", "request-changes": "feedback", "revise": "feedback", "revision": "feedback",
    "hilt": "hitl", "htil": "hitl",
}  # fmt: skip
"""What people write instead. Nothing that other bots do: /merge, /close, /hold, /retest."""

ALIKE: Final = 0.82
"""How alike two words must be (difflib's ratio): ``aprove`` 0.92, ``rejct`` 0.91; ``improve`` 0.71, ``project`` 0.77."""

# What draws nothing, or an empty space, and is no space or tab: to a reader the command stands where it should.
_UNSEEN: Final = (
    "".join(
        chr(number)
        for start, end in (
            (0x00, 0x08),
            (0x0B, 0x1F),
            (0x7F, 0xA0),
            (0x2000, 0x200F),
            (0x2028, 0x202F),
            (0x205F, 0x206F),
        )
        for number in range(start, end + 1)
    )
    + "\u00ad\u034f\u061c\u1680\u180e\u3000\ufeff"
)
_WORD: Final = re.compile(r"/([A-Za-z][A-Za-z-]{1,29})(.*)", re.DOTALL)
# Bounded, and no two alternatives begin alike: a comment is up to 65,536 characters of somebody else's choice.
_DRESSED: Final = re.compile(
    r"(?:[*_~`\"'“\[(]|#{1,6}[ \t]+|[-+*][ \t]+|\d{1,9}[.)][ \t]+){1,12}/([A-Za-z]{1,30})"
)
_GLUED: Final = re.compile(r"[.,:;!?)\]}>*~`'\"=…–—]{1,8}(?:[ \t]|\Z|\w)")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_OTHER_SLASH: Final = re.compile(r"[\\⁄∕／!.](?=[A-Za-z])")  # noqa: RUF001 – they are looked for
_MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1"})
_NO: Final = "Nothing was decided:"
_WRAPPING: Final = "`'\"<>()[]{}*_#:.,;"


def explain(body: str) -> str | None:
    """Why a comment decides nothing though it looks as if it were meant to, as one sentence in Markdown; ``None``: it does not look so.

    Of a comment with a command it is ``None``, but for one case: where the words begin with something that is nearly a code, the command
    would count without a code, perhaps for another request than the one that was meant. So nothing is done where there is a hint.
    """
    command = inbound.said(body)
    if command is not None:
        return _lacking(command, body) or _misread(command)
    first, *others = inbound.lines_from_first(body)
    return next(filter(None, (hint(first, others) for hint in _HINTS)), None)


# ------------------------------------------------------------------------------------------------- commands with a flaw


def _lacking(command: Command, body: str) -> str | None:
    name, form = command.name, code(_FORMS[command.name])
    if name == "hitl":
        asked = " ".join(command.text.split())
        if asked in inbound.QUESTIONS:
            return None
        what = f"{code('/hitl')} can be asked for {code('/hitl help')} and {code('/hitl status')}"
        return f"{what}, not for {code(asked, 40)}." if asked else f"{what}."
    if name == "feedback" and not inbound.has_words(command.text):
        return f"{code('/feedback')} needs words: say what should be different, as {_right('feedback', command.code)}."
    if len(command.text) > MAX_MESSAGE or len(body) > MOST_BODY:
        return (
            f"{_NO} what follows {code('/' + name)} has {len(command.text):,} characters, and {MAX_MESSAGE:,} are the most. "
            f"Put the rest somewhere else and link to it, as {form}."
        )
    if not inbound.is_text(command.text):
        return f"{_NO} what follows {code('/' + name)} has a character that is broken. Please write it again, as {form}."
    return None


def _misread(command: Command) -> str | None:
    """A first word that would be a code if it were written as one, or that stands on the next line."""
    if command.code is not None or command.name == "hitl":
        return None
    word, _ = inbound.split_word(inbound.lines(command.text)[0])
    meant = word.strip(_WRAPPING).lower().translate(_MISREAD)
    if len(meant) != CODE_LENGTH or not inbound.CODE.fullmatch(meant) or not any(map(str.isdigit, word)):
        return None
    return (
        f"{_NO} {code(word, 40)} looks like a code that is not quite one. "
        f"Codes are in lower case, have no i, l, o or u, and stand on the command's own line: {_right(command.name, meant)}."
    )


# -------------------------------------------------------------------------------------------------- no command on line 1


def _slashed(first: str, _others: list[str]) -> str | None:
    """``/Approve``, ``/approve:``, ``/aprove``, ``/lgtm``, ``/approve`` with something unseen behind it."""
    found = _WORD.fullmatch(first)
    if found is None:
        return None
    word, rest = found[1], found[2]
    name = word.lower()
    ends = not rest or rest[0] in " \t"
    if name not in _FORMS:
        meant = _meant(name) if ends or rest[0] in ".,:;!?" else None
        return (
            f"{_NO} {code('/' + word)} is no command here. Did you mean {_right(meant, rest)}?"
            if meant
            else None
        )
    if ends:
        return f"{_NO} commands are written in lower case, as {_right(name, rest)}."
    if rest[0] in _UNSEEN:
        return f"{_NO} behind {code('/' + word)} stands a character that cannot be seen. Type a plain space: {_right(name)}."
    if _GLUED.match(rest):
        return f"{_NO} after {code('/' + word)} comes a space or the end of the line, as {_right(name, rest[1:])}."
    return None  # /approve/x is a path, /approve2 somebody else's command


def _indented(first: str, _others: list[str]) -> str | None:
    """``  /approve``, and a command behind something unseen."""
    bare = first.lstrip(" \t" + _UNSEEN)
    found = _WORD.fullmatch(bare)
    name = _named(found[1], found[2]) if found and bare != first else None
    if name is None or found is None:
        return None
    unseen = first[: -len(bare)].strip(" \t")
    before = "stands a character that cannot be seen" if unseen else "stand spaces"
    return f"{_NO} before the command {before}. It begins the line: {_right(name, found[2])}."


def _dressed(first: str, _others: list[str]) -> str | None:
    """`` `/approve` ``, ``**/approve**``, ``- /approve``."""
    line = first.strip(" \t")
    found = _DRESSED.match(line)
    name = _named(found[1], line[found.end() :]) if found else None
    if name is None:
        return None
    return f"{_NO} a command is plain text without formatting, as {_right(name)}."


def _quoted(first: str, others: list[str]) -> str | None:
    """A comment that is a quote of a command or a block of code with it, and nothing else."""
    whole = [line for line in (first, *others) if line.strip()]
    if all(line.lstrip(" ").startswith(">") for line in whole):
        inside, where = [line.lstrip(" ").lstrip("> \t") for line in whole], "in a quote"
    elif (opened := _FENCE.match(first)) and whole[-1].strip(" \t").startswith(opened[1]):
        inside, where = whole[1:-1], "in a block of code"
    else:
        return None
    name = next(filter(None, map(_command_of, inside)), None)
    return (
        f"{_NO} a command {where} does not count. Write it as plain text: {_right(name)}." if name else None
    )


def _slashless(first: str, others: list[str]) -> str | None:
    r"""``approve`` alone, or with a code; ``\approve``."""
    line = first.strip()
    if found := _OTHER_SLASH.match(line):
        word, rest = inbound.split_word(line[found.end() :])
        name = _named(word.rstrip(".!"), "")
        return f"{_NO} a command begins with a slash, as {_right(name, rest)}." if name else None
    word, rest = inbound.split_word(line)
    name = word.rstrip(".!:,").lower()
    name = {"approved": "approve", "rejected": "reject"}.get(name, name)
    alone = not rest.strip() and not any(map(str.strip, others))
    if name not in _DECIDING or not (alone or _code_in(rest)):
        return None
    return f"{_NO} a command begins with a slash, as {_right(name, rest)}."


def _later(_first: str, others: list[str]) -> str | None:
    """A command further down, where a reader sees it as a line of its own."""
    name = next(filter(None, map(_command_of, _open_lines([_first, *others]))), None)
    if name is None:
        return None
    return f"{_NO} a command stands on the first line of a comment, and what you want to say follows it: {_right(name)}."


_HINTS: Final[tuple[Hint, ...]] = (_slashed, _indented, _dressed, _quoted, _slashless, _later)


# ------------------------------------------------------------------------------------------------------------- the parts


def _right(name: str, behind: str | None = None) -> str:
    """The form to write, with the code that stands first ``behind`` the wrong one."""
    form, its_code = _FORMS[name], _code_in(behind or "")
    if its_code is None or name == "hitl":
        return code(form)
    word, _, rest = form.partition(" ")
    return code(f"{word} {its_code} {rest}".rstrip())


def _code_in(rest: str) -> str | None:
    word, _ = inbound.split_word(rest)
    return word if inbound.CODE.fullmatch(word) else None


def _command_of(line: str) -> CommandName | None:
    """The deciding command that a line would be, were it the first."""
    command = inbound.said(line)
    return command.name if command and command.name in _DECIDING else None


def _named(word: str, rest: str) -> str | None:
    """The command that a word behind a slash names or nearly names, where it ends there."""
    if re.match(r"[\w/-]", rest):
        return None
    name = word.lower()
    return name if name in _FORMS else _meant(name)


def _meant(word: str) -> str | None:
    """What a word that is no command was probably meant to be."""
    if word in _ALSO:
        return _ALSO[word]
    near = difflib.get_close_matches(word, _DECIDING, n=1, cutoff=ALIKE)
    return near[0] if near else None


def _open_lines(body: list[str]) -> Iterator[str]:
    """The lines of a comment that are not in a block of code or an HTML comment."""
    fence, hidden = "", False
    for line in body:
        found = _FENCE.match(line)
        if fence:
            fence = (
                ""
                if found and line.strip(" \t").startswith(fence) and not line.strip(" \t" + fence[0])
                else fence
            )
        elif hidden or "<!--" in line:
            hidden = "-->" not in line.rpartition("<!--")[2]
        elif found:
            fence = found[1]
        else:
            yield line
