"""The offline page of a leaderboard."""
