"""Who wants to know how a suite comes on."""

from gradtriage.evidence.chunks import ChunkProgress
from gradtriage.model.documents import Ending
from gradtriage.suite.chunk import Chunk


class Watcher:
    """Is told what happens and does nothing; subclasses do."""

    def opened(self, chunk: Chunk, progress: ChunkProgress) -> None:
        """A chunk starts; `progress` follows its events."""

    def closed(self, chunk: Chunk, ending: Ending) -> None:
        """A chunk ended."""
