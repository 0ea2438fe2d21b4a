"""The tests: they mirror the folders of the package, and read as its specification."""
