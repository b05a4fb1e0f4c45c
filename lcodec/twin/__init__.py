"""The trainable copy of a released model, and the way to its integers and back."""
