"""Runs of graphs: how they begin, go on and end. ``advance`` is the reconciler; ``attach`` is for graphs of the user's own process."""
