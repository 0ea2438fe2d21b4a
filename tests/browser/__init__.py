"""The pages in a real browser; a package, so that its browser ends before the tests of other folders begin."""
