"""lmcore: small language models that one can train, pause, inspect and compare.

It holds all the logic of Glassbox and works on its own, in a notebook:

>>> from lmcore.families import make_trainer
>>> from lmcore.training.config import RunConfig, TrainConfig
>>> trainer = make_trainer(RunConfig(train=TrainConfig(steps=1000)))
>>> losses = trainer.train(1000)  # nats per character, one per step
>>> trainer.evaluate("dev")  # doctest: +SKIP
2.5
"""
