"""Galleries of pictures on the page: some of each class, and nothing that is no picture."""

from __future__ import annotations

from stellwerk.report.judging import Evaluation, Gallery
from stellwerk.report.pictures import MOST_BYTES, galleries, picture

PNG = "data:image/png;base64,iVBORw0KGgo="


def _evaluation(*classes: dict) -> Evaluation:
    return Evaluation(examples=4, slices=(), gallery=(Gallery("photo", classes),))


def test_pictures_are_shown_by_class():
    (shown,) = galleries(_evaluation({"class": "cat", "pictures": [PNG, PNG]}, {"class": "dog", "pictures": []}))
    assert shown.column == "photo"
    assert [(one.name, len(one.pictures)) for one in shown.classes] == [("cat", 2), ("dog", 0)]
    assert shown.classes[0].pictures[0] == f'<img src="{PNG}" alt="cat" class="picture"/>'


def test_what_is_no_picture_never_becomes_part_of_the_page():
    for strange in ("https://elsewhere/a.png", 'data:image/png;base64,AA" onload="x', "data:text/html;base64,AAAA"):
        assert picture({"picture": strange}, "x") is None
        assert galleries(_evaluation({"class": "a", "pictures": [strange]}))[0].classes[0].pictures == ()
    assert picture("17 bytes", "x") is None


def test_a_name_is_escaped():
    drawn = galleries(_evaluation({"class": '"><script>', "pictures": [PNG]}))[0].classes[0].pictures[0]
    assert "<script>" not in drawn


def test_a_page_has_no_more_pictures_than_it_bears():
    large = "data:image/jpeg;base64," + "A" * 1_000_000
    (shown,) = galleries(_evaluation({"class": "a", "pictures": [large] * 6}))
    assert len(shown.classes[0].pictures) == MOST_BYTES // len(large)


def test_there_is_no_gallery_without_pictures():
    assert galleries(None) == ()
