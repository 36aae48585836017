"""Trainers, optimizers, schedules, and what a run remembers."""
