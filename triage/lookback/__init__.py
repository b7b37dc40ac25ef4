"""What rules did, and what other rules would have done: why, replay, test-rules. Sends nothing."""
