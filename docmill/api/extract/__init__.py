"""Extract jobs, their results, and drafts of schemas."""
