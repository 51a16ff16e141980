"""The built-in methods: each public module is one plugin, called as its file; ``_x`` is shared."""
