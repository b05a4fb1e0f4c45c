"""`.lic` files shown in a browser, from this machine to itself alone.

`album` has the pictures, `server` hands them out, `page` writes the pages around them.
"""
