"""Closed-form matting written out: every window, every pair of pixels, one dense system."""

from __future__ import annotations

import numpy as np


def dense_laplacian(image, eps):
    """Levin et al. 2008, eq. 12, (H · W, H · W) float64."""
    colours = image.astype(np.float64) / 255
    height, width = colours.shape[:2]
    matrix = np.zeros((height * width, height * width))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            window = colours[y - 1 : y + 2, x - 1 : x + 2].reshape(9, 3)
            off = window - window.mean(axis=0)
            inverse = np.linalg.inv(off.T @ off / 9 + eps / 9 * np.eye(3))
            share = np.eye(9) - (1 + off @ inverse @ off.T) / 9
            rows, columns = np.meshgrid(np.arange(y - 1, y + 2), np.arange(x - 1, x + 2))
            where = (rows.T * width + columns.T).ravel()
            matrix[np.ix_(where, where)] += share
    return matrix


def dense_alpha(image, trimap, eps, prior=None, weight=None):
    """The alpha that solves it, (H, W) float64; not clipped."""
    matrix = dense_laplacian(image, eps)
    unknown = trimap.ravel() == 128
    alpha = (trimap == 255).astype(np.float64).ravel()
    left = matrix[np.ix_(unknown, unknown)]
    right = -matrix[np.ix_(unknown, ~unknown)] @ alpha[~unknown]
    if prior is not None:
        left = left + np.diag(weight.ravel()[unknown])
        right = right + (weight * prior).ravel()[unknown]
    alpha[unknown] = np.linalg.solve(left, right)
    return alpha.reshape(trimap.shape)
