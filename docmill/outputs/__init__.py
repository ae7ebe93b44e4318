"""What a person gets: result files, manifest, report."""
