"""What passes between steps: formats on disk that other tools read, and the only code that steps share."""
