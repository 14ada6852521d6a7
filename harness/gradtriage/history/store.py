"""The history: a database that follows from the evidence folders, and is brought up to them whenever it is opened."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, insert, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from gradtriage.errors import DocumentError, EvidenceError, UsageError
from gradtriage.evidence.folder import sealed_folders
from gradtriage.history import tables
from gradtriage.history.records import Records, Row, read_records, run_digest
from gradtriage.model.settings import Project

DATABASE = "history.sqlite"
_MANY = 900  # tests asked for in one statement; SQLite takes 999 parameters in its oldest builds


class History:
    """Runs, outcomes, gradients and clusters over time.

    Args:
        engine: The database.
        reports: The folder that the evidence lies below.
    """

    def __init__(self, engine: Engine, reports: Path) -> None:
        self._engine, self._reports = engine, reports

    def sync(self) -> int:
        """Takes in the sealed folders that it does not know; how many there were.

        Runs whose folders are gone stay.
        """
        with self._begin() as connection:
            _make_tables(connection)
            known = set(connection.scalars(select(tables.runs.c.digest)))
        taken = 0
        for folder in sealed_folders(self._reports) if self._reports.is_dir() else []:
            try:
                if run_digest(folder) in known:
                    continue
                records = read_records(folder, self._reports)
            except (DocumentError, OSError, ValueError):
                continue  # somebody's broken folder: `verify` says so
            with self._begin() as connection:
                taken += _insert(connection, records)
        return taken

    def rebuild(self) -> int:
        """Forgets everything and takes in every folder anew; how many there were."""
        with self._begin() as connection:
            tables.metadata.drop_all(connection)
        return self.sync()

    def runs(self) -> list[Row]:
        """Every run, oldest first."""
        return self._rows(select(tables.runs).order_by(tables.runs.c.start))

    def run_of(self, folder: Path) -> Row | None:
        """The run whose evidence a sealed folder is."""
        found = self._rows(select(tables.runs).where(tables.runs.c.digest == run_digest(folder)))
        return found[0] if found else None

    def outcomes(self, run_id: int) -> list[Row]:
        """What each test of a run did."""
        joined = tables.outcomes.join(tables.tests)
        columns = [tables.tests.c.nodeid, *_apart(tables.outcomes, "run_id", "test_id")]
        return self._rows(select(*columns).select_from(joined).where(tables.outcomes.c.run_id == run_id))

    def run_gradients(self, run_id: int) -> list[Row]:
        """The gradients of a run."""
        joined = tables.gradients.join(tables.tests)
        columns = [tables.tests.c.nodeid, *_apart(tables.gradients, "run_id", "test_id")]
        return self._rows(select(*columns).select_from(joined).where(tables.gradients.c.run_id == run_id))

    def of_test(self, nodeid: str) -> list[Row]:
        """What a test did in each run, oldest first, with the run's stamp, commit and environment."""
        return self._of_test(tables.outcomes, nodeid)

    def gradients(self, nodeid: str) -> list[Row]:
        """A test's gradients in each run, oldest first, with the run's stamp, commit and environment."""
        return self._of_test(tables.gradients, nodeid)

    def durations(self) -> dict[str, float]:
        """The last recorded duration of each test that came to its end."""
        latest = (
            select(tables.outcomes.c.test_id, func.max(tables.outcomes.c.run_id).label("run_id"))
            .where(tables.outcomes.c.seconds.is_not(None))
            .group_by(tables.outcomes.c.test_id)
            .subquery()
        )
        query = (
            select(tables.tests.c.nodeid, tables.outcomes.c.seconds)
            .join(tables.outcomes, tables.outcomes.c.test_id == tables.tests.c.id)
            .join(
                latest, (latest.c.test_id == tables.outcomes.c.test_id) & (latest.c.run_id == tables.outcomes.c.run_id)
            )
        )
        return {row["nodeid"]: row["seconds"] for row in self._rows(query)}

    def matching(self, part: str) -> list[str]:
        """The tests of that node id, or those whose node id holds it."""
        exact = self._rows(select(tables.tests.c.nodeid).where(tables.tests.c.nodeid == part))
        holds = select(tables.tests.c.nodeid).where(tables.tests.c.nodeid.contains(part, autoescape=True))
        return [row["nodeid"] for row in exact or self._rows(holds.order_by(tables.tests.c.nodeid))]

    def close(self) -> None:
        """Lets the database go."""
        self._engine.dispose()

    def _of_test(self, table: Any, nodeid: str) -> list[Row]:  # noqa: ANN401 - a table
        run = tables.runs.c
        columns = [run.stamp, run.kind, run.commit, run.dirty, run.environment, *_apart(table, "run_id", "test_id")]
        joined = table.join(tables.runs).join(tables.tests)
        query = select(*columns).select_from(joined).where(tables.tests.c.nodeid == nodeid)
        return self._rows(query.order_by(run.start, run.id))

    def _rows(self, query: Any) -> list[Row]:  # noqa: ANN401 - a statement
        with self._begin() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public way

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            where = self._engine.url.render_as_string(hide_password=True)
            raise EvidenceError(
                f"history {where}: {reason}; it follows from the evidence: remove it, or run "
                "`gradtriage history --rebuild`"
            ) from error


def open_history(project: Project, reports: Path | None = None) -> History:
    """Opens the history of a project and brings it up to the evidence.

    Args:
        project: The project; its setting `history` may name another database by URL.
        reports: The folder that the evidence lies below; None for the project's own.

    Raises:
        UsageError: The setting is no URL of a database, or its driver is not installed.
        EvidenceError: The database cannot be used.
    """
    history = connect(project, reports)
    history.sync()
    return history


def connect(project: Project, reports: Path | None = None) -> History:
    """Opens the history as it is; arguments and errors as `open_history`."""
    reports = project.root / project.settings.reports if reports is None else reports
    url = project.settings.history
    try:
        if url is None:
            reports.mkdir(parents=True, exist_ok=True)
            engine = create_engine(f"sqlite:///{reports / DATABASE}")
        else:
            engine = create_engine(make_url(url))
    except (ArgumentError, ImportError, SQLAlchemyError) as error:
        raise UsageError(
            f"settings: history = {url!r}: {str(error).splitlines()[0]}; give a database URL whose driver is installed"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    return History(engine, reports)


def _tune_sqlite(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 - as SQLAlchemy calls it
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers do not wait for a writer
    cursor.execute("PRAGMA synchronous=NORMAL")  # what a power cut loses follows from the folders
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _make_tables(connection: Connection) -> None:
    """Makes the tables; those of another version are dropped first."""
    tables.version.create(connection, checkfirst=True)
    found = connection.scalar(select(tables.version.c.version))
    if found is not None and found != tables.VERSION:
        tables.metadata.drop_all(connection)
    tables.metadata.create_all(connection)
    if found != tables.VERSION:
        connection.execute(delete(tables.version))
        connection.execute(insert(tables.version).values(version=tables.VERSION))


def _insert(connection: Connection, records: Records) -> bool:
    """Inserts a run; False where another process was quicker."""
    if connection.scalar(select(tables.runs.c.id).where(tables.runs.c.digest == records.run["digest"])) is not None:
        return False
    connection.execute(insert(tables.runs).values(records.run))
    run_id = connection.scalars(select(tables.runs.c.id).where(tables.runs.c.digest == records.run["digest"])).one()
    ids = _test_ids(connection, list(dict.fromkeys(r["nodeid"] for r in [*records.outcomes, *records.gradients])))
    for table, rows in ((tables.outcomes, records.outcomes), (tables.gradients, records.gradients)):
        if rows:
            connection.execute(insert(table), [_keyed(row, run_id, ids) for row in rows])
    if records.clusters:
        connection.execute(insert(tables.clusters), [{"run_id": run_id, **row} for row in records.clusters])
    return True


def _keyed(row: Row, run_id: int, ids: dict[str, int]) -> Row:
    return {"run_id": run_id, "test_id": ids[row["nodeid"]], **{k: v for k, v in row.items() if k != "nodeid"}}


def _test_ids(connection: Connection, nodeids: Sequence[str]) -> dict[str, int]:
    known = _known_ids(connection, nodeids)
    new = [{"nodeid": nodeid} for nodeid in nodeids if nodeid not in known]
    if new:
        connection.execute(insert(tables.tests), new)
        known |= _known_ids(connection, [row["nodeid"] for row in new])
    return known


def _known_ids(connection: Connection, nodeids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for begin in range(0, len(nodeids), _MANY):
        part = nodeids[begin : begin + _MANY]
        query = select(tables.tests.c.nodeid, tables.tests.c.id).where(tables.tests.c.nodeid.in_(part))
        found.update((nodeid, number) for nodeid, number in connection.execute(query))
    return found


def _apart(table: Any, *names: str) -> list[Any]:  # noqa: ANN401 - columns
    return [column for column in table.c if column.name not in names]
