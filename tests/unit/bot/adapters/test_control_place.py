import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.adapters import control_place
from bot.adapters.control_place import ControlPlace, control_path
from bot.core.errors import JournalError


@pytest.fixture(autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime directory that is this test's alone."""
    folder = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def deep(folder: Path) -> Path:
    """A folder whose path is too long for the address of a socket."""
    far = folder / ("a" * 60) / ("b" * 60)
    far.mkdir(parents=True)
    return far


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        try:
            line.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def left_behind(path: Path) -> Iterator[None]:
    """A socket file whose process is gone."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    yield


def test_a_run_is_found_in_its_own_folder(tmp_path: Path) -> None:
    with closing(ControlPlace(tmp_path)) as place:
        assert control_path(tmp_path) == place.path == tmp_path / "control.sock"
        assert connects(place.path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_far_down_is_found_by_the_file_that_names_its_socket(tmp_path: Path, runtime: Path) -> None:
    far = deep(tmp_path)
    with closing(ControlPlace(far)) as place:
        assert control_path(far) == place.path
        assert place.path.parent == runtime / f"candlewick-{os.getuid()}"
        assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.path.stat().st_mode) == 0o600
        assert stat.S_IMODE((far / "control.path").stat().st_mode) == 0o600
        assert connects(place.path)
    assert list(far.iterdir()) == []
    assert list(place.path.parent.iterdir()) == []


def test_a_folder_that_takes_no_sockets_is_treated_like_one_far_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Path
) -> None:
    listen = control_place._listen

    def refuse(path: Path) -> socket.socket:
        if path.parent == tmp_path:
            raise OSError(95, "Operation not supported")
        return listen(path)

    monkeypatch.setattr(control_place, "_listen", refuse)
    with closing(ControlPlace(tmp_path)) as place:
        assert control_path(tmp_path) == place.path
        assert place.path.is_relative_to(runtime)


def test_two_runs_far_down_do_not_meet(tmp_path: Path) -> None:
    one, other = deep(tmp_path / "one"), deep(tmp_path / "other")
    with closing(ControlPlace(one)) as first, closing(ControlPlace(other)) as second:
        assert first.path != second.path


def test_a_run_is_the_same_by_whatever_way_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "link").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    with closing(ControlPlace(Path("run"))) as place:
        assert control_path(run) == control_path(Path("link")) == control_path(Path("link/../run")) == place.path


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "control.path").write_text("/nowhere\n", encoding="utf-8")
    with left_behind(tmp_path / "control.sock"), closing(ControlPlace(tmp_path)) as place:
        assert connects(place.path)
        assert control_path(tmp_path) == place.path


def test_whoever_answers_is_not_replaced(tmp_path: Path) -> None:
    with closing(ControlPlace(tmp_path)) as place:
        with pytest.raises(JournalError, match="another process answers at"):
            ControlPlace(tmp_path)
        assert connects(place.path)


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "control.sock").write_text("mine", encoding="utf-8")
    with pytest.raises(JournalError, match="stands where the control socket belongs"):
        ControlPlace(tmp_path)
    assert (tmp_path / "control.sock").read_text(encoding="utf-8") == "mine"


def test_a_runtime_folder_that_others_can_enter_is_not_used(tmp_path: Path, runtime: Path) -> None:
    shared = runtime / f"candlewick-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o755)
    with pytest.raises(JournalError, match="open to other users"):
        ControlPlace(deep(tmp_path))


def test_a_runtime_folder_that_is_a_link_is_not_used(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (runtime / f"candlewick-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match="not a folder"):
        ControlPlace(deep(tmp_path))


def test_a_folder_without_a_bot_still_has_a_place(tmp_path: Path) -> None:
    assert control_path(tmp_path) == tmp_path / "control.sock"
    assert not connects(control_path(tmp_path))
