"""What turns a file into a result, behind one small protocol."""
