"""Whom to trust over https: one file of authorities, the same for HTTP and the websocket."""

import os
import ssl

import certifi

FILE = "SSL_CERT_FILE"


def authorities() -> str:
    """The file of trusted certificates that the environment names, else that of certifi. Raises ValueError."""
    named = os.environ.get(FILE)
    if not named:
        return certifi.where()
    try:
        ssl.create_default_context(cafile=named)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror if isinstance(error, FileNotFoundError) else "no certificate in it can be read"
        raise ValueError(f"{FILE} is {named!r}: {why}; expected a file of trusted certificates (PEM)") from None
    return named


def fault(error: BaseException | None) -> str | None:
    """What is wrong with the other side's TLS, if that is what caused an error; else None."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted ({error.verify_message}); to trust it, name it in {FILE}"
    if error is None:
        return None
    return f"does not speak TLS ({error.reason or 'it breaks off'}); is it an http:// server?"
