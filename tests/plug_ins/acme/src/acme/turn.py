"""The form `turn`: sine and cosine of an angle, float32 [batch, 2]. It is stored, read and given to a network as a vector is."""

from stellwerk.components.forms.vector import *
