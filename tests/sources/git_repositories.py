"""Real git repositories for tests."""

import os
import subprocess
from pathlib import Path

_IDENTITY = {f"GIT_{who}_{what}": f"{who}@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class GitRepository:
    """A new repository in a folder, which no configuration of the machine affects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self("init", "-q", "-b", "main")

    def __call__(self, *words: str) -> str:
        environment = {**os.environ, **_IDENTITY, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        command = ["git", "-c", "protocol.file.allow=always", *words]
        ran = subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True, text=True)
        return ran.stdout

    def write(self, path: str, content: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def commit(self, message: str = "change") -> str:
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD").strip()
