"""Scores, proved against the reference implementations: AP, AR, edges, intervals."""
