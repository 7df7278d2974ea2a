"""The long play: servers and workers that die all the time, people who insist, an unreliable network – and somebody outside who counts."""
