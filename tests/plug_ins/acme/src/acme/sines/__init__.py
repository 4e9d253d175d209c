"""The network `sines`: one layer of sine waves."""
