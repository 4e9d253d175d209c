"""What keras.applications has, as far as a spec is read without it: where each network is, and what it makes of a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A network without its last layer."""

    module: str
    """Of keras.applications."""
    width: int
    """Filters of its last block."""
    products: int
    """Millions of multiplications for a picture of 224 x 224 pixels; they grow with the pixels."""
    by_batch: bool = True
    """Whether it normalises by the batch."""
    least: int = 32
    """Pixels of the shorter side, at least."""


NETWORKS: dict[str, Known] = {
    "ConvNeXtBase": Known("convnext", 1024, 15354, by_batch=False),
    "ConvNeXtLarge": Known("convnext", 1536, 34360, by_batch=False),
    "ConvNeXtSmall": Known("convnext", 768, 8683, by_batch=False),
    "ConvNeXtTiny": Known("convnext", 768, 4455, by_batch=False),
    "ConvNeXtXLarge": Known("convnext", 2048, 60919, by_batch=False),
    "DenseNet121": Known("densenet", 1024, 2833),
    "DenseNet169": Known("densenet", 1664, 3358),
    "DenseNet201": Known("densenet", 1920, 4289),
    "EfficientNetB0": Known("efficientnet", 1280, 385),
    "EfficientNetB1": Known("efficientnet", 1280, 568),
    "EfficientNetB2": Known("efficientnet", 1408, 658),
    "EfficientNetB3": Known("efficientnet", 1536, 961),
    "EfficientNetB4": Known("efficientnet", 1792, 1502),
    "EfficientNetB5": Known("efficientnet", 2048, 2354),
    "EfficientNetB6": Known("efficientnet", 2304, 3358),
    "EfficientNetB7": Known("efficientnet", 2560, 5167),
    "EfficientNetV2B0": Known("efficientnet_v2", 1280, 717),
    "EfficientNetV2B1": Known("efficientnet_v2", 1280, 1015),
    "EfficientNetV2B2": Known("efficientnet_v2", 1408, 1167),
    "EfficientNetV2B3": Known("efficientnet_v2", 1536, 1608),
    "EfficientNetV2L": Known("efficientnet_v2", 1280, 12230),
    "EfficientNetV2M": Known("efficientnet_v2", 1280, 5361),
    "EfficientNetV2S": Known("efficientnet_v2", 1280, 2849),
    "InceptionResNetV2": Known("inception_resnet_v2", 1536, 6467, least=75),
    "InceptionV3": Known("inception_v3", 2048, 2836, least=75),
    "MobileNet": Known("mobilenet", 1024, 568),
    "MobileNetV2": Known("mobilenet_v2", 1280, 299),
    "MobileNetV3Large": Known("mobilenet_v3", 960, 214),
    "MobileNetV3Small": Known("mobilenet_v3", 576, 55),
    "NASNetLarge": Known("nasnet", 4032, 10280),
    "NASNetMobile": Known("nasnet", 1056, 563),
    "ResNet101": Known("resnet", 2048, 7568),
    "ResNet101V2": Known("resnet_v2", 2048, 7192),
    "ResNet152": Known("resnet", 2048, 11280),
    "ResNet152V2": Known("resnet_v2", 2048, 10905),
    "ResNet50": Known("resnet", 2048, 3856),
    "ResNet50V2": Known("resnet_v2", 2048, 3480),
    "VGG16": Known("vgg16", 512, 15347, by_batch=False),
    "VGG19": Known("vgg19", 512, 19508, by_batch=False),
    "Xception": Known("xception", 2048, 4551, least=71),
}
"""By the names that keras.applications has for them. Widths and products are counted from their layers, of Keras 3.15."""
