"""Questions to the engine: what an endpoint names, what a question asks, which edit would reverse its answer."""
