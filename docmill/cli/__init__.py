"""The command line: ``docmill``, or ``starter.py`` in a checkout."""
