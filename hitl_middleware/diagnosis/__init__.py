"""What is out of order in what is stored, and mending what can be mended without deciding anything: ``hitl doctor``.

    examine    reads pages of what is not finished, and looks where its threads really stand
    judge      the troubles in it: a pure function of what was read
    findings   the same in sentences, each with what to do about it
    heal       files, takes back, makes due again; the rest is for people

A server that runs mends most of this by itself. What is left here are things that no sweep sees, or that only people can settle.
"""

from hitl_middleware.diagnosis.examine import Examination, examine
from hitl_middleware.diagnosis.findings import Check, Finding, Trouble, findings
from hitl_middleware.diagnosis.heal import Healer

__all__ = ["Check", "Examination", "Finding", "Healer", "Trouble", "examine", "findings"]
