"""Questions put to the engine: what an endpoint names, what a question means, what would change its answer."""
