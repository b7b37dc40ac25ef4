"""What a promise is made of: calendars, waits, the estimator, answers observed, reminders. Behind `promise`; pure."""
