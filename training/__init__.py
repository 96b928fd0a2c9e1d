"""Hindsight: labels, fitting, judging and the registry; may look past the cut-off."""
