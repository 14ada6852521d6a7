"""The tables of the history."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

# Raised when the tables change; a database of another version is made anew from the folders.
VERSION = 1

metadata = MetaData()

version = Table("gradtriage_version", metadata, Column("version", Integer, primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    # of the manifest: the same run, wherever its folder lies
    Column("digest", String(64), nullable=False, unique=True),
    Column("folder", Text, nullable=False),
    Column("kind", String(80), nullable=False),  # suite, phase_a, explain, ...
    Column("stamp", String(40), nullable=False, index=True),
    Column("start", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("commit", String(64)),
    Column("dirty", Boolean),
    # of interpreter, platform and packages
    Column("environment", String(64), nullable=False),
    Column("command", Text, nullable=False),
    Column("tests", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
)

tests = Table(
    "tests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("nodeid", Text, nullable=False, unique=True),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("test_id", ForeignKey("tests.id"), primary_key=True),
    # as in suite.json: passed, failed, error, skipped, xfailed, xpassed; and in_flight, missing
    Column("outcome", String(20), nullable=False),
    Column("seconds", Float),
    Column("exception", Text),
    Column("message", Text),
    Column("margin", Float),  # measured over allowed difference, where the message says both
    Column("cluster", String(20)),
    Index("outcomes_by_test", "test_id"),
)

gradients = Table(
    "gradients",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("test_id", ForeignKey("tests.id"), primary_key=True),
    Column("call", Integer, primary_key=True),
    Column("parameter", String(400), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("status", String(10), nullable=False),
    Column("value", Float),  # of a scalar; of any other tensor its norm
    Column("max_abs", Float),
    Column("zeros", Integer, nullable=False),
    Column("numel", Integer, nullable=False),
    Column("dtype", String(20), nullable=False),
    Column("vacuous", Boolean, nullable=False),
    Column("loss", Float),
    Index("gradients_by_test", "test_id"),
)

clusters = Table(
    "clusters",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("id", String(20), primary_key=True),
    Column("fingerprint", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("count", Integer, nullable=False),
    Column("message", Text, nullable=False),
)
