"""What graphs look like and what their threads have kept, read for people.

    plain.py       a state as plain JSON values                                              pure
    shapes.py      what LangGraph says of a graph, as a ``Diagram``                          pure
    compiled.py    ``GraphReader`` over compiled graphs
    kept.py        what a thread has kept, as one value: ``History``                         pure
    back.py        … read in one go (``look_back``), to be shown
    veil.py        … without what policies hide                                              pure
    changes.py     what one state has that another had not, messages as messages             pure
    picture.py     where a run stands: ``Standing`` and ``Timeline``                         pure

An Agent Server's threads are read in ``runs.agent_server.history``.
"""
