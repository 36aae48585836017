"""Layers, losses and initialization: forward passes and explicit backward passes."""
