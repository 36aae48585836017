"""lmcore: small language models that one can train, pause, inspect and compare.

The library holds all the logic of Glassbox and is good on its own, in a notebook:

>>> from lmcore import corpora, models, training
>>> config = training.RunConfig(train=training.TrainConfig(steps=1000))
>>> trainer = training.Trainer(config)
>>> losses = trainer.train(1000)  # nats per character, one a step
>>> trainer.evaluate("dev")  # doctest: +SKIP
2.5
"""
