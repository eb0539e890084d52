"""The rules of approval, pure: frozen models and functions, with no I/O, no clock and no ids of their own."""
