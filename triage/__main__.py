"""`python -m triage`: the command `triage`."""

from triage.cli import main

main()
