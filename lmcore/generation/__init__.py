"""Text from language models: sampling from them, and measuring how well they predict a text.

Everything here needs a model only as a `reader.Reader`: logits of the next character, and a state.
"""
