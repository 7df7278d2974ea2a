"""How asking people goes: how long they are waited for, what they decide, and signs that nobody looks. Pure: rows in, a frozen report out.

sample = await hitl.views.asked(Period(since=…, until=…))     at most MOST requests, the newest first
found = report(sample)                                        Report: figures of the whole, by step, over time, people, reasons, signs

rows      what is read of the store: requests and their answers, without arguments
figures   counts, rates and percentiles of any number of them
people · reasons · signs    who answered, why they said no, signs of rubber-stamping
report    all of it
tables    the report as tables with headings: for pages and CSV
pictures  the report as SVG charts
"""

from __future__ import annotations

from hitl_middleware.analytics.figures import Figures, Waiting
from hitl_middleware.analytics.report import Report, report
from hitl_middleware.analytics.rows import Answered, Asked, Period, Sample
from hitl_middleware.analytics.signs import Sign

MOST = 20_000
"""Requests that are counted of a period, the newest ones: what a server reads and works out in about a second. Whoever shows the report
says where it was cut (``Report.counted_since``)."""

__all__ = ["MOST", "Answered", "Asked", "Figures", "Period", "Report", "Sample", "Sign", "Waiting", "report"]
