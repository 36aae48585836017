"""Runs: trainings that advance in slices, are kept on disk, and can be paused, changed, resumed and forked.

- `run.Run` folds the reports of slices; `worker.advance` computes a slice in any process; `store.Store` keeps runs on
  disk; `engine.Engine` advances many runs at once over any of the `executors`.
- `filtering`, `settings`, `comparison`, `divergence` and `leaderboard` compare runs.
- `export` writes archives, scripts and notebooks; `import_archive` reads archives from strangers.
"""
