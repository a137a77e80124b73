"""`python -m collector`; a process that makes tables loads this too, and must not begin again."""

from collector.cli import main

if __name__ == "__main__":
    main()
