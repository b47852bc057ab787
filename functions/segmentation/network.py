"""A small U-Net in Keras: every level halves the image, every skip brings its detail back.

After Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation" (2015), with padded convolutions and batch normalisation. Training needs this file;
a function reads the SavedModel.
"""

from __future__ import annotations

from typing import Any

CHANNELS = (16, 32, 64, 128)
"""Of each level; the last is the bottom. An image's sides must divide by 2 ** (levels - 1)."""


def unet(keras: Any, classes: int, channels: tuple[int, ...] = CHANNELS) -> Any:
    """From (count, height, width, 1) grey values, 0 to 255, to a logit for each pixel's class."""
    layers = keras.layers
    images = keras.Input((None, None, 1))
    flow = layers.Rescaling(1 / 127.5, offset=-1)(images)
    skips = []
    for width in channels[:-1]:
        flow = twice(layers, flow, width)
        skips.append(flow)
        flow = layers.MaxPooling2D()(flow)
    flow = twice(layers, flow, channels[-1])
    for width, skip in zip(reversed(channels[:-1]), reversed(skips), strict=True):
        flow = layers.Conv2DTranspose(width, 2, strides=2)(flow)
        flow = twice(layers, layers.Concatenate()([skip, flow]), width)
    return keras.Model(images, layers.Conv2D(classes, 1)(flow))


def twice(layers: Any, flow: Any, width: int) -> Any:
    """Two convolutions, each normalised over its batch and rectified."""
    for _ in range(2):
        flow = layers.Conv2D(width, 3, padding="same", use_bias=False)(flow)
        flow = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(flow))
    return flow
