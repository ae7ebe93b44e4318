"""Accuracy of the extraction engine `basic` on real documents."""
