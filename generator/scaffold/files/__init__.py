"""Files and processes: writing in one step, locks, and interrupts."""
