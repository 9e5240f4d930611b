"""``python -m chaos``, with ``tests`` on the path; ``make chaos`` does both."""

from chaos.cli import main

if __name__ == "__main__":
    main()
