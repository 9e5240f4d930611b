"""``python -m real``, with ``tests`` on the path; ``make real-model`` does both."""

from real.cli import main

if __name__ == "__main__":
    main()
