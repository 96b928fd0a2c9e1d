"""The past: what was known about a customer at a cut-off."""
