"""Brings a project to another version or to other answers: planned before anything is touched, merged by git.

What was rendered and what would be rendered become two commits, one on the other. The difference is picked onto the
project like any commit, so that conflicts are git's own and every tool that knows them helps.
"""
