"""Engine ``liteparse`` for PDFs and images: the native parser LiteParse, and its postprocessing."""
