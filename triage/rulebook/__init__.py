"""What rules are made of: conditions, words, expressions, the index, and what can be wrong with them. Behind `routing`; pure."""
