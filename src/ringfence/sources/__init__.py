"""Where objects come from: files, standard input, kustomizations, a live API server."""
