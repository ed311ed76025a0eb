"""What every test shares: how hypothesis searches."""

from hypothesis import settings

# A machine that is busy is no reason for a property to fail.
settings.register_profile("candlewick", deadline=None, print_blob=True)
settings.load_profile("candlewick")
