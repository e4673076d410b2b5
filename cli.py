"""Where the command line was before; it is in ``tools/``. For scripts that import it from here."""

from .tools.cli import main

__all__ = ["main"]
