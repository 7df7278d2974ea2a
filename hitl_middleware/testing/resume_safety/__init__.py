"""The resume-safety suite: what goes wrong between a person's yes and the act, as tests for any way of running graphs.

    pytest --pyargs hitl_middleware.testing.resume_safety --runner my.module:Runner

``Runner`` (``scene.py``) says in six verbs what yours must be able to do; ``ours`` and ``plain`` are two of them. Each hazard is one
test; when it fails, it says in a sentence what would have happened to your customer. Nothing waits and nothing is left to luck: time is
turned, a process that has to die is killed by its own effect, and two at once are two of which one is held in the middle.

What the two examples do, measured (langgraph 1.2.22, langchain 1.4.7; a test of ours runs both and compares with this table):

    hazard                            hitl_middleware   LangChain + LangGraph
    nothing before the answer         holds             holds
    yes is once                       holds             holds
    no is never                       holds             holds
    double click                      holds             holds
    late duplicate                    holds             fails
    yes after no                      holds             fails
    two at once                       holds             fails
    start beside a live one           holds             fails
    killed while asking               holds             holds
    killed in the act (before)        holds             holds
    killed in the act (after)         holds             fails
    retry inside                      holds             fails
    time out                          holds             fails
    failure                           holds             fails
    siblings keep their answers       holds             holds
    siblings do not wait              holds             fails
    new input                         holds             fails
    nonsense                          holds             fails
    rule that changes its mind        holds             fails
"""

from hitl_middleware.testing.resume_safety.scene import Asked, Deed, MakeRunner, Runner, Scene, Told

__all__ = ["Asked", "Deed", "MakeRunner", "Runner", "Scene", "Told"]
