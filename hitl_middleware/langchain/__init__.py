"""For ``langchain.agents.create_agent``.

``HumanReviewMiddleware`` (made by ``hitl.approvals(tools)``) is the lean one: tool-call hooks and nothing else.
``HumanInTheLoopMiddleware`` is LangChain's own class by a changed import: its constructor, its questions, its answers, and behind
them this library's ledger.
"""

try:
    from langchain.agents.middleware import InterruptOnConfig
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "langchain":
        raise
    msg = "langchain is not installed. Install: pip install 'hitl-middleware[langchain]'"
    raise ModuleNotFoundError(msg, name=error.name) from None

from hitl_middleware.langchain.drop_in import HumanInTheLoopMiddleware
from hitl_middleware.langchain.lean import HumanReviewMiddleware

__all__ = ["HumanInTheLoopMiddleware", "HumanReviewMiddleware", "InterruptOnConfig"]
