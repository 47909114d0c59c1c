"""Git: how it is run, the work tree of a project, and what is read from and written to it."""
