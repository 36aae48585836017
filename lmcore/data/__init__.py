"""Texts and labeled feature data: where they come from, and how they become numbers."""
