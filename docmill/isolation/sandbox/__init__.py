"""What an engine process may not do, whatever its document makes of it: Landlock and seccomp."""
