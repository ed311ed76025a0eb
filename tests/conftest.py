"""What every test shares: how hypothesis searches."""

import signal

from hypothesis import settings

# A busy machine is no reason for a property to fail, and the same code is searched in the same way everywhere.
settings.register_profile("candlewick", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("candlewick")

# A shell that runs the tests in the background has them ignore Ctrl-C, and every process that they start with them:
# the tests about Ctrl-C need it to be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
