"""Figures from tables: drawn with seaborn and matplotlib, never from images."""
