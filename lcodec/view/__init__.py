"""Showing `.lic` files in a browser, on this machine only.

`album` holds the pictures, `server` serves them, `page` writes the pages around them.
"""
