"""What Acme adds to Stellwerk: one member of each family, each in a module or a folder of its own."""
