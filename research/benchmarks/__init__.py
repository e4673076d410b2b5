"""Reproducible measurements; every figure of the README comes from a command in here."""
