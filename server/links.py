"""The addresses that people get."""


def join_link(base_url: str, secret: str) -> str:
    """Return what a patient or guest opens. The secret is in the fragment, which no browser sends to any server."""
    return f"{base_url.rstrip('/')}/join#{secret}"
