"""What is printed when the server has started: where it is, who can sign in, how to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import Settings
    from demonstration.clinic import Demonstration
    from server.certificate import TrialCertificate


def greeting(
    settings: Settings, *, urls: list[str], trial: TrialCertificate | None, demonstration: Demonstration | None
) -> str:
    """Return the text for the terminal. It holds no secret but the demonstration's published ones."""
    paragraphs = [_place(settings, urls)]
    if trial is not None:
        paragraphs.append(_trust(urls, trial))
    if demonstration is not None:
        paragraphs += [_accounts(demonstration), _links(urls, demonstration)]
    return "\n\n".join(["", *paragraphs, "Stop with Ctrl+C.", ""])


def _place(settings: Settings, urls: list[str]) -> str:
    lines = [f"  Consilium is at  {urls[0]}", *(f"                   {url}" for url in urls[1:])]
    lines.append(f"  Data is in       {settings.data.path}")
    return "\n".join(lines)


def _trust(urls: list[str], trial: TrialCertificate) -> str:
    return "\n".join(
        (
            "  Browsers give camera and microphone to secure pages only, so a certificate for this trial was "
            + ("made." if trial.is_new else "made earlier."),
            "  To be spared the browser's warning, trust its authority once on each device:",
            f"    open {urls[0]}/trial-authority.crt there, or take {trial.authority}",
            f"    and compare its SHA-256 fingerprint:\n    {trial.fingerprint}",
            "  It can vouch for private networks and this machine's addresses only.",
            "  A real clinic sets server.tls_certificate.",
        )
    )


def _accounts(demonstration: Demonstration) -> str:
    width = max(len(account.login) for account in demonstration.accounts)
    password = demonstration.accounts[0].password
    lines = [f"  DEMONSTRATION: everybody is invented. Sign in with the password  {password}"]
    lines += [
        f"    {account.login:<{width}}  {account.name} ({account.title or account.role})"
        for account in demonstration.accounts
    ]
    return "\n".join(lines)


def _links(urls: list[str], demonstration: Demonstration) -> str:
    lines = ["  Patients' links to consultations that begin now:"]
    lines += [
        f"    {link.url(urls[0])}\n      {link.patient_name}, expected by {link.clinician_login}"
        for link in demonstration.links
    ]
    return "\n".join(lines)
