"""The encoder `harmonics`: an angle, and its multiples."""
