"""Extract jobs, their results, and the generation of schemas."""
