"""The memory: what a fitted model is, why it says what it says, and what to do about it."""
