"""What a freedesktop system needs to know of `.lic` files, and how it gets there and away again."""
