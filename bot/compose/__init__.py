"""The composition root: settings and arguments in, wired runs out."""
