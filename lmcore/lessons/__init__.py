"""Lessons: their files, what a class answers, and their rehearsal."""
