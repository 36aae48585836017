"""What one looks at inside a model: activations, gradients, embeddings, decision regions."""
