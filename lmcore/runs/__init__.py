"""Runs: a training that goes on in slices, is kept on disk, and can be paused, steered and resumed.

`run.Run` folds the reports of slices; `slices.advance` is the pure function that makes them, in whatever process;
`store.Store` keeps runs on disk; `engine.Engine` advances many runs at once over any executor of `executors`.
"""
