"""The command line: ``python -m lmcore --help``."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from lmcore.commands.main import commands  # imports torch, which takes seconds in which Ctrl-C may come
    except KeyboardInterrupt:
        sys.exit("Aborted!")
    commands()


if __name__ == "__main__":
    main()
