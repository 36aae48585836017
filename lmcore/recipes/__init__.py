"""Published experiments and their numbers."""
