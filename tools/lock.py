"""Writes requirements.lock: what runs Consilium, then what only develops it, every package pinned with hashes.

One file, two sections, so that a clinic installs the first and a developer both (see the Makefile). The resolution is
universal: the same lock serves every Python from 3.11 on and every platform the packages support.
"""

import re
import subprocess
import sys
from pathlib import Path

DEVELOP_MARK = "# --- develop ---"
ROOT = Path(__file__).resolve().parent.parent


def resolved(*groups: str) -> dict[str, str]:
    """Return `name -> requirement with markers and hashes` for the project and the given dependency groups."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "pyproject.toml"]
    for group in groups:
        command += ["--group", group]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    blocks = re.findall(r"^\S.*(?:\n[ \t]+.*)*", text, flags=re.MULTILINE)
    return {block.split(";")[0].split(" \\")[0].strip(): block for block in blocks}


def main() -> None:
    run, everything = resolved(), resolved("develop")
    missing = run.keys() - everything.keys()
    if missing:
        raise SystemExit(f"The develop group changes what runs: {sorted(missing)}")
    lines = ["# Written by `make lock` from pyproject.toml. Do not edit.", *run.values(), "", DEVELOP_MARK]
    lines += [block for name, block in everything.items() if name not in run]
    (ROOT / "requirements.lock").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
