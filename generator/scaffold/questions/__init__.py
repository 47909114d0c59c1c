"""The questions of the templates, and the answers of a user."""
