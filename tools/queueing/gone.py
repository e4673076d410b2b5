"""A server that cannot be used: the one error that ends its part in the queue, and nobody else's."""


class Gone(Exception):
    """A server that died, hangs, answers nonsense, or cannot be used at all; the text says which."""
