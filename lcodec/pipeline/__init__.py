"""One picture to one file and back: pixels, latents, tiles, side data, targets."""
