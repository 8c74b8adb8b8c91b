"""``python -m latentode COMMAND``."""

from latentode.cli import main

if __name__ == "__main__":
    main()
