"""Git: running it, its settings, and the work tree of a project."""
