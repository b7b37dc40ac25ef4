"""Kills the daemon, and counts what came of it.

    systematic   at every step of the flow in turn, for one mail and in the middle of a batch (tests/support/hook.py)
    random       at random instants under load, again and again

`python -m tests.crash --rounds 1000` runs the random part at length and prints the figures that docs/reliability.md quotes.
"""
