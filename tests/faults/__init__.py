"""The same accounting as after a crash, under the faults of servers, disks, clocks and mails."""
