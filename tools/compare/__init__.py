"""A page that compares the runs in a folder of ``fsampler queue``."""
