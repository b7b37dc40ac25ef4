"""What the guard looks at: the rungs of its ladder, marks in the header, machines known by their words, known senders. Pure."""
