"""``fsampler doctor``: what is installed here and on a server, and which nodes of a file will skip. Needs no torch."""
