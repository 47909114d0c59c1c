"""Updates a project to another version or to other answers: planned first, then merged by git.

The old and the new rendering become two commits, one on top of the other. The second is cherry-picked onto the project,
so that conflicts are ordinary conflicts of git.
"""
