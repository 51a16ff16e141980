"""``python -m benchmark`` is ``bench``."""

from .cli import main

main()
