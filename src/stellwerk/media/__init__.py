"""Pictures as data: what their bytes are, one standard form for all of them, and what is measured of each.

A picture in standard form is a JPEG or a PNG that is upright, is grey or RGB (perhaps with transparency), and holds nothing but pixels:
what every decoder reads alike. Libraries are loaded when a picture is read (the extra `images`).
"""
