"""What the tests of the spine share: scripted models, effects that are counted, a ``Hitl`` that moves only when it is told to."""
