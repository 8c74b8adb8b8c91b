"""Launcher: ``python cli.py COMMAND`` is ``python -m latentode COMMAND`` from a checkout."""

from latentode.cli import main

if __name__ == "__main__":
    main()
