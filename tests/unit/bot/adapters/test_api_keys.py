"""Where the key of an account comes from, and where it never goes."""

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.api_keys import Credentials, keep_out_of_logs, read_credentials
from bot.adapters.log import configure_logging
from bot.core.errors import ConfigError

KEY, SECRET = "canary-key-of-test", "canary.secret/of+test"
ENVIRONMENT = {"CANDLEWICK_API_KEY": KEY, "CANDLEWICK_API_SECRET": SECRET}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for name, text in (("api_key", KEY), ("api_secret", SECRET)):
        (keys / name).write_text(f"{text}\n")
        (keys / name).chmod(0o600)
    return keys


def test_a_key_is_read_from_the_environment():
    assert read_credentials(ENVIRONMENT) == Credentials(KEY, SECRET)


def test_a_key_is_read_from_a_private_folder_in_place_of_the_environment(folder):
    other = dict.fromkeys(ENVIRONMENT, "something-else")
    assert read_credentials(other, folder) == Credentials(KEY, SECRET)


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_half_a_key_is_no_key(name):
    with pytest.raises(ConfigError, match=name) as error:
        read_credentials({**ENVIRONMENT, name: ""})
    assert KEY not in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("text", ["short", "two words of it", "line\nline-of-it", "schlüssel-wort", "x" * 257])
def test_what_is_no_key_is_refused_without_being_shown(text, folder):
    with pytest.raises(ConfigError) as first:
        read_credentials({**ENVIRONMENT, "CANDLEWICK_API_SECRET": text})
    (folder / "api_secret").write_text(text)
    with pytest.raises(ConfigError) as second:
        read_credentials({}, folder)
    assert text not in str(first.value) + str(second.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
@pytest.mark.parametrize("name", ["api_key", "api_secret"])
def test_a_file_that_others_can_use_is_refused(folder, name, mode):
    (folder / name).chmod(mode)
    with pytest.raises(ConfigError, match="chmod 0600"):
        read_credentials({}, folder)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o701, 0o777])
def test_a_folder_that_others_can_use_is_refused(folder, mode):
    folder.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 0700"):
        read_credentials({}, folder)


def test_a_link_is_not_followed(folder, tmp_path):
    (folder / "api_key").rename(tmp_path / "elsewhere")
    (folder / "api_key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_credentials({}, folder)
    (tmp_path / "linked").symlink_to(folder)
    with pytest.raises(ConfigError, match="is not a folder"):
        read_credentials({}, tmp_path / "linked")


def test_what_is_no_file_is_refused_at_once(folder):
    (folder / "api_key").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_credentials({}, folder)
    os.mkfifo(folder / "api_key", 0o600)
    with pytest.raises(ConfigError, match="is not a file"):
        read_credentials({}, folder)
    with pytest.raises(ConfigError, match="is not a folder"):
        read_credentials({}, folder / "missing")


def test_printing_credentials_shows_neither_half():
    credentials = Credentials(KEY, SECRET)
    for shown in (repr(credentials), str(credentials), f"{credentials}", f"{credentials!r:>40}", repr([credentials])):
        assert KEY not in shown
        assert SECRET not in shown


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_key_of_whatever_shape_is_kept_out_of_every_log_line(root_logger):
    written = io.StringIO()
    configure_logging("debug", written)
    keep_out_of_logs(Credentials(KEY, SECRET))
    log = logging.getLogger("some.library")
    log.debug("headers %s and body %r", {"X-Something": KEY}, [SECRET])
    try:
        int(f"https://api.example/?x={SECRET}")
    except ValueError:
        log.exception("it failed")
    lines = written.getvalue()
    assert "it failed" in lines
    assert "ValueError" in lines
    assert KEY not in lines
    assert SECRET not in lines
    assert lines.count("***") >= 3
