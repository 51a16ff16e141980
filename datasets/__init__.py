"""The built-in data sets: each public module is one plugin, called as its file.

``_x.py`` is shared code, never a plugin.
"""

if __name__ == "datasets":
    raise ImportError(
        "This folder of the scarbench checkout was found in place of Hugging Face's 'datasets'. "
        "Set PYTHONSAFEPATH=1 or run from another folder; scarbench itself imports it as "
        "benchmark.datasets."
    )
