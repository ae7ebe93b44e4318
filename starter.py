"""The command line: see ``starter.py --help``."""

from docmill.cli.app import main

if __name__ == "__main__":
    main()
