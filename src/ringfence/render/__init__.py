"""Output formats: one writer for each, and nothing else formats output."""
