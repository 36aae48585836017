"""Recipes: published experiments, and the comparison of their numbers with those of a run.

`published` lists them; `measures` reads numbers from a run; `recipe` compares.
"""
