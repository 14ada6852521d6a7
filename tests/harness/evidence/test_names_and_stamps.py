"""Which variables are secret, which names are stamps, what order they have."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtriage.evidence.redaction import REDACTED, REDACTED_DIFFERS, looks_secret, redacted, redacted_beside
from gradtriage.evidence.stamp import is_stamp, mint, moment, order


@pytest.mark.parametrize(
    "name",
    [
        "MY_TOKEN", "GITHUB_TOKEN", "HF_TOKEN", "API_KEY", "OPENAI_API_KEY", "apiKey", "SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "PASSWORD", "PGPASSWORD", "MYSQL_PWD", "DB_PASS", "SSH_PRIVATE_KEY", "SESSION_COOKIE",
        "CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_CREDS", "GH_PAT", "SENTRY_DSN", "BASIC_AUTH",
        "HTTP_AUTHORIZATION", "MY_JWT", "DATABASE_URL", "AZURE_STORAGE_CONNECTION_STRING", "SIGNING_KEY", "PASSPHRASE",
    ],
)  # fmt: skip
def test_a_name_like_a_secrets_is_one(name: str) -> None:
    assert looks_secret(name)
    assert (redacted(name, "value"), redacted(name, None)) == (REDACTED, None)
    assert redacted_beside(name, "value", "value") == REDACTED
    assert redacted_beside(name, "other", "value") == REDACTED_DIFFERS
    assert redacted_beside(name, None, "value") is None


@pytest.mark.parametrize(
    "name",
    [
        "CUDA_VISIBLE_DEVICES", "PYTHONHASHSEED", "KMP_DUPLICATE_LIB_OK", "OMP_NUM_THREADS", "PWD", "OLDPWD", "PATH",
        "TOKENIZERS_PARALLELISM", "NANOBRAGG_DISABLE_COMPILE", "KEYBOARD", "MONKEY", "COMPASS", "AUTHOR", "PATH_INFO",
        "PYTEST_ADDOPTS", "MKL_NUM_THREADS", "BYPASS", "PATTERN", "TORCH_HOME",
    ],
)  # fmt: skip
def test_a_name_that_only_resembles_a_secrets_is_none(name: str) -> None:
    assert not looks_secret(name)
    assert redacted_beside(name, "b", "a") == redacted(name, "b") == "b"


@pytest.mark.parametrize("name", ["20260102T120000Z", "20260102T120000Z-2", "20240229T235959Z-10000"])
def test_a_stamp_is_recognised(name: str) -> None:
    assert is_stamp(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "$(date -u)", "20260102T120000", "2026-01-02T12:00:00Z", "20260102T120000Z-", "20260102T120000Z-x",
        "20260102T120000Z\n", "20260102T120000Z ", "x20260102T120000Z", "20261301T000000Z", "20260230T000000Z",
        "20260102T250000Z", "２０２６0102T120000Z", ".20260102T120000Z", "20260102T120000Z-２",
    ],
)  # fmt: skip
def test_what_is_no_moment_of_the_calendar_is_no_stamp(name: str) -> None:
    assert not is_stamp(name)
    with pytest.raises(ValueError, match=r"stamp|time data|day|month|hour"):
        moment(name)


def test_a_stamp_is_in_utc_wherever_the_clock_is() -> None:
    there = timezone(timedelta(hours=-7))
    assert mint(datetime(2026, 1, 2, 20, 30, 5, 999_999, tzinfo=there)) == "20260103T033005Z"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1)), st.integers(1, 20))
def test_a_stamp_names_the_second_it_was_minted_in(now: datetime, attempt: int) -> None:
    stamp = mint(now.replace(tzinfo=UTC), attempt)
    assert is_stamp(stamp)
    assert moment(stamp) == now.replace(tzinfo=UTC, microsecond=0)
    assert order(stamp) < order(mint(now.replace(tzinfo=UTC), attempt + 1))
    assert order(stamp) < order(mint(now.replace(tzinfo=UTC) + timedelta(seconds=1), 1))
