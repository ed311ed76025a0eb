"""What every test shares: how hypothesis searches."""

from hypothesis import settings

# A busy machine is no reason for a property to fail, and the same code is searched in the same way everywhere.
settings.register_profile("candlewick", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("candlewick")
