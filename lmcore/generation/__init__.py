"""What a trained model writes, and how well it predicts a text."""
