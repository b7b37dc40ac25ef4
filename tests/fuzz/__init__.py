"""Mutated mails through everything that is done with a mail before anything is sent. `python -m tests.fuzz` runs it by hand.

The mutator is our own: it knows what a mail is made of (fields, boundaries, encodings, quotations), which is where reading goes
wrong, and needs no native extension. What it keeps to mutate further is chosen by what was observed of a mail: a new combination of
defects, verdict and shape, or a new worst time.
"""
