"""Models from scratch: every forward and backward pass in NumPy alone, beside the models of `lmcore.models`."""
