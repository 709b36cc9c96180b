"""Makes one transform of an image with the tools that people use.

augment_transforms.py FILE SIZE "NAME NUMBER..."  -> (3,S,S) float32 on standard output

FILE holds (3,S,S) float32 levels. turn is numpy, blur scipy, place torch's
grid_sample, pillow-* Pillow; brightness, contrast and saturation are the
formulas of torchvision's functional_tensor on floats, stain those of Ruifrok and
Tellez in float64.
"""
import sys

import numpy as np
import scipy.ndimage
import torch
from PIL import Image, ImageEnhance

GREY = np.array([.299, .587, .114])[:, None, None]


def turn(x, flip, turns):
    if flip:
        x = x[:, :, ::-1]
    return np.rot90(x, int(turns), axes=(1, 2))


def brightness(x, f):
    return np.clip(x * f, 0, 255)


def contrast(x, f):
    return np.clip(x * f + (x * GREY).sum(0).mean() * (1 - f), 0, 255)


def saturation(x, f):
    return np.clip(x * f + (x * GREY).sum(0) * (1 - f), 0, 255)


def blur(x, sigma):
    return np.stack([scipy.ndimage.gaussian_filter(c, sigma, mode="nearest") for c in x])


def place(x, right, down, scale):
    n = x.shape[1]
    theta = torch.tensor([[[1 / scale, 0, -2 * right / n / scale], [0, 1 / scale, -2 * down / n / scale]]], dtype=torch.float64)
    grid = torch.nn.functional.affine_grid(theta, (1, 3, n, n), align_corners=False)
    return torch.nn.functional.grid_sample(torch.from_numpy(x)[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0].numpy()


def stain(x, *numbers):
    gain, offset = np.array(numbers[:3]), np.array(numbers[3:])
    dyes = np.array([[.65, .70, .29], [.07, .99, .11], [.27, .57, .78]])
    od = -np.log(np.maximum(x, 1) / 255)
    amount = np.tensordot(np.linalg.inv(dyes).T, od, 1)
    amount = amount * (1 + gain[:, None, None]) + offset[:, None, None]
    return np.clip(x * np.exp(od - np.tensordot(dyes.T, amount, 1)), 0, 255)


def pillow(kind):
    def enhance(x, f):
        im = Image.fromarray(x.transpose(1, 2, 0).astype(np.uint8))
        return np.asarray(kind(im).enhance(f)).transpose(2, 0, 1)
    return enhance


ALL = {"turn": turn, "brightness": brightness, "contrast": contrast, "saturation": saturation, "blur": blur, "place": place, "stain": stain,
       "pillow-brightness": pillow(ImageEnhance.Brightness), "pillow-contrast": pillow(ImageEnhance.Contrast),
       "pillow-saturation": pillow(ImageEnhance.Color)}

path, size, what = sys.argv[1:]
name, *numbers = what.split()
pixels = np.fromfile(path, np.float32).reshape(3, int(size), int(size)).astype(np.float64)
out = ALL[name](pixels, *map(float, numbers))
sys.stdout.buffer.write(np.ascontiguousarray(out, np.float32).tobytes())
