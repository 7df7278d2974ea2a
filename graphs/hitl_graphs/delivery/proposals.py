"""What a model proposes, as values with limits, each with the words in which people read it. Nothing here acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from hitl_graphs.delivery.state import File

Line = Annotated[str, Field(min_length=1, max_length=500)]
Words = Annotated[str, Field(min_length=1, max_length=4_000)]


class Proposal(BaseModel):
    """Something a model proposes. ``task`` says what a model is asked for."""

    task: ClassVar[str]
    revised: str = Field(
        default="",
        max_length=1_000,
        description="What was changed because of the reviewers' feedback; empty where there was none",
    )

    def text(self) -> str:
        """As people read it."""
        revised = [f"Revised after feedback: {self.revised}"] if self.revised else []
        return "\n\n".join([*revised, *(part for part in self.parts() if part)])

    def parts(self) -> Sequence[str]:
        """Its paragraphs."""
        raise NotImplementedError


class Analysis(Proposal):
    """What the issue is about."""

    task: ClassVar[str] = (
        "Analyse the issue: what is wrong or wanted, where it probably comes from, what it touches."
    )
    summary: Words
    cause: Words = Field(description="Where it probably comes from, or why it is wanted")
    affected: list[Line] = Field(default_factory=list, max_length=20, description="What it touches")

    def parts(self) -> Sequence[str]:
        return self.summary, f"Probable cause: {self.cause}", _listed("It touches", self.affected)


class Option(BaseModel):
    """One way to do it."""

    name: Line
    how: Words
    costs: Words = Field(description="What speaks against it")


class Options(Proposal):
    """Ways to do it."""

    task: ClassVar[str] = "Propose two to four ways to deal with the issue, and recommend one."
    options: list[Option] = Field(min_length=1, max_length=4)
    recommended: int = Field(ge=1, description="Number of the recommended option, from 1")

    def parts(self) -> Sequence[str]:
        listed = [
            f"{n}. {o.name}\n   {o.how}\n   Against it: {o.costs}" for n, o in enumerate(self.options, 1)
        ]
        chosen = self.options[min(self.recommended, len(self.options)) - 1]
        return *listed, f"Recommended: {chosen.name}"


class Design(Proposal):
    """How a feature is to work."""

    task: ClassVar[str] = (
        "Design the feature: what users see, which parts it is made of, what was considered and left."
    )
    behaviour: Words = Field(description="What users will see")
    components: list[Line] = Field(min_length=1, max_length=20)
    left_out: list[Line] = Field(default_factory=list, max_length=20)

    def parts(self) -> Sequence[str]:
        return self.behaviour, _listed("Parts", self.components), _listed("Left out", self.left_out)


class Plan(Proposal):
    """The steps."""

    task: ClassVar[str] = (
        "Write the plan: small steps in order with the paths they touch, and how it will be tested."
    )
    goal: Words
    steps: list[Line] = Field(min_length=1, max_length=30)
    tests: list[Line] = Field(default_factory=list, max_length=20)
    risks: list[Line] = Field(default_factory=list, max_length=20)

    def parts(self) -> Sequence[str]:
        steps = "\n".join(f"{n}. {step}" for n, step in enumerate(self.steps, 1))
        return self.goal, steps, _listed("Tests", self.tests), _listed("Risks", self.risks)


class Audit(Proposal):
    """A second look at the plan."""

    task: ClassVar[str] = (
        "Audit the plan as somebody who did not write it: security, data, compatibility, missing tests."
    )
    verdict: Literal["sound", "doubtful"]
    findings: list[Line] = Field(default_factory=list, max_length=20)

    def parts(self) -> Sequence[str]:
        says = {
            "sound": "The plan is sound.",
            "doubtful": "The plan should not be carried out as it is.",
        }[self.verdict]
        return says, _listed("Findings", self.findings)


class FileChange(BaseModel):
    """A file as it is to be."""

    path: str = Field(description="From the root of the repository, with slashes")
    content: str | None = Field(description="The whole new content; null deletes the file")


class Changes(Proposal):
    """The files to write."""

    task: ClassVar[str] = (
        "Carry the plan out: every file that changes, whole. Change nothing that the plan does not ask for."
    )
    summary: Line = Field(description="What was done, in one line: the commit's title")
    files: list[FileChange]

    def parts(self) -> Sequence[str]:
        return (self.summary,)

    def as_files(self) -> list[File]:
        """The files as a state keeps them; of a path that is named twice the last word counts."""
        return [
            File(path=path, content=content)
            for path, content in {f.path: f.content for f in self.files}.items()
        ]


def _listed(head: str, items: Iterable[str]) -> str:
    lines = [f"- {item}" for item in items]
    return "\n".join([f"{head}:", *lines]) if lines else ""
