"""Datasets that are given away: images made smaller, what they are made of, and a card."""
