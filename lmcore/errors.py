"""The one exception for everything that a user can correct."""


class UserError(Exception):
    """Says in one sentence what was given, what is allowed and what to do.

    Pages show it with ``st.error``; the command line prints it and exits with status 2.
    Every other exception is a bug and may crash loudly.
    """
