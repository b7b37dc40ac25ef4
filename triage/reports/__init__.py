"""Promises made and kept, past waits, a team's calendar: what the ledger tells, in the terminal and as a page."""
