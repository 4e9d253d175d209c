"""Forms: what the tensor of a model's input is, from the transformed examples to the network. One module each.

    number   a quantity               float32 [batch]
    vector   quantities in a row      float32 [batch, width]
    id       one of so many things    int32 [batch]
    tokens   words of a text          int32 [batch, length], 0 is padding
    tensor   numbers in a fixed shape float32, int64 or uint8 [batch, ...]
    unit     what a row is scaled by  float32 [batch, channels, 2], not seen by the network

A kind of feature says in `features.json` of which form its outputs are (`kind` there). A form is a module with the parts of `Form` (`base.py`);
a package of somebody's own brings one by the entry point `stellwerk.forms`. What nobody knows is refused where it is met.
"""

from __future__ import annotations

from stellwerk.families import Family

FORMS = Family(
    "forms",
    "form",
    {
        "number": "stellwerk.components.forms.number",
        "vector": "stellwerk.components.forms.vector",
        "id": "stellwerk.components.forms.id",
        "tokens": "stellwerk.components.forms.tokens",
        "tensor": "stellwerk.components.forms.tensor",
        "unit": "stellwerk.components.forms.unit",
    },
)
"""In the order in which a network has them beside one another."""
