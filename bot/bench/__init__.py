"""Measurements: what the machine does with the shipped code, beside a yardstick of the same minute."""
