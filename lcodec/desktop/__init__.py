"""Registering `.lic` files with a freedesktop system, and removing them again."""
