"""The lesson player: the panel on every page while somebody plays a lesson."""
