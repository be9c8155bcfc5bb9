"""Tells people and programs what a release does; never waited for, and told again where it may have been lost."""
