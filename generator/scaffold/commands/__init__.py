"""The commands, one file each: they read options, call the core, and show its result."""
