"""Runs and scorings on many processes or machines, through Dask; nothing else imports it.

What crosses to a worker are names, ids and paths, and what comes back are facts of a few bytes:
images, networks and tables stay in files that all of them see.
"""
