"""The trainable float twin of a released model, and its conversion to integers and back."""
