"""Measures tell dark, blurred, empty and equal pictures from others."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from stellwerk.media.measuring import measured


def _differ(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_a_darker_picture_has_less_brightness(photo):
    assert measured(photo.point(lambda value: value // 2)).brightness < 0.55 * measured(photo).brightness


def test_a_blurred_picture_has_less_sharpness(photo):
    assert measured(photo.filter(ImageFilter.GaussianBlur(3))).sharpness < 0.2 * measured(photo).sharpness


def test_brightness_is_the_mean_of_the_grey_values(photo):
    assert measured(photo).brightness == round(float(np.asarray(photo.convert("L")).mean()), 3)


def test_an_empty_picture_is_blank_and_a_photo_is_not(photo):
    assert measured(Image.new("RGB", (64, 64), (17, 30, 200))).blank == 1
    assert measured(photo).blank == 0


def test_pictures_that_look_alike_have_hashes_that_differ_in_few_bits(photo, noise):
    smaller = photo.resize((60, 40)).point(lambda value: min(255, value + 8))
    assert _differ(measured(photo).hash, measured(smaller).hash) <= 4
    assert _differ(measured(photo).hash, measured(noise).hash) > 10


def test_the_smallest_picture_has_measures():
    found = measured(Image.new("L", (1, 1), 9))
    assert (found.brightness, found.sharpness, found.blank, found.hash) == (9.0, 0.0, 1, "0" * 16)
