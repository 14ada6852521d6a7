"""Small projects that are git repositories."""

import subprocess

from tests.support.projects import SmallProject


class Repository(SmallProject):
    """A small project under git, with a commit at a time."""

    def git(self, *args: str) -> str:
        named = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *args]
        return subprocess.run(named, cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()

    def begin(self) -> None:
        """Makes it a repository that ignores what runs leave."""
        self.write(".gitignore", "/reports/\n__pycache__/\n")
        self.git("init", "-q", "-b", "main")

    def commit(self, message: str, files: dict[str, str]) -> str:
        """Writes files and commits everything."""
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")
