"""``python -m benchmarks``: see `benchmarks.report`."""

from benchmarks.report import main

if __name__ == "__main__":
    main()
