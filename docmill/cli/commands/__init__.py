"""What each command takes. The work is imported when a command runs: ``--help`` stays quick."""
