"""Template releases: where they come from, what they are called, and where they are kept on this machine."""
