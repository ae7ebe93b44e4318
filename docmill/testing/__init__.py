"""The test kit: what a program's tests may use in place of real parts. Never active by default."""
