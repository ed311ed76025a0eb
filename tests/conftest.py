"""What every test shares: how hypothesis searches, and that nobody's own state is touched."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A busy machine is no reason for a property to fail, and the same code is searched in the same way everywhere.
settings.register_profile("candlewick", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("candlewick")

# A shell that runs the tests in the background has them ignore Ctrl-C, and every process that they start with them:
# the tests about Ctrl-C need it to be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def state_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give commands a state folder of their own: the register of looks of whoever runs the tests stays as it is."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before
