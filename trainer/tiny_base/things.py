"""The shapes of the things: polygons in a square from -1 to 1 (y down), grouped by what they are painted with.

A group is (paint, polygons). Paint "body" is the thing's own colour, "shade" a darker and "light" a paler one; "wood",
"leaf" and "cream" are fixed; "ink" marks details that lie inside. Groups are painted in order.
"""

from __future__ import annotations

import math

Polygon = list[tuple[float, float]]
Group = tuple[str, list[Polygon]]


def ellipse(x: float, y: float, rx: float, ry: float, start: float = 0, stop: float = 360, n: int = 40) -> Polygon:
    """An ellipse, or the arc of one between two angles in degrees (0 is right, 90 is down)."""
    angles = [math.radians(start + (stop - start) * i / n) for i in range(n + (stop - start < 360))]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """An upright rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def mirror(polygon: Polygon) -> Polygon:
    """`polygon` with left and right changed."""
    return [(-x, y) for x, y in polygon]


def _eyes(x: float, y: float, r: float = 0.08, cx: float = 0.0) -> list[Polygon]:
    return [ellipse(cx - x, y, r, r * 1.25), ellipse(cx + x, y, r, r * 1.25)]


def _star() -> Polygon:
    points = []
    for i in range(10):
        radius, angle = (1.0 if i % 2 == 0 else 0.46), math.radians(-90 + 36 * i)
        points.append((radius * math.cos(angle), 0.06 + radius * math.sin(angle)))
    return points


def _heart() -> Polygon:
    points = []
    for i in range(60):
        t = 2 * math.pi * i / 60
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((math.sin(t) ** 3 * 0.98, -y / 16.5 - 0.08))
    return points


def _ghost() -> Polygon:
    hem = []
    for i in range(25):
        x = 0.68 - 1.36 * i / 24
        hem.append((x, 0.82 - 0.14 * math.cos(2 * math.pi * 3 * i / 24)))
    return [*ellipse(0, -0.22, 0.68, 0.72, 180, 360), *hem]


def _tail() -> Polygon:
    outer, inner = ellipse(0.36, 0.45, 0.52, 0.52, 100, -60, 20), ellipse(0.36, 0.45, 0.3, 0.3, -60, 100, 20)
    return outer + inner


_EAR = [(-0.5, -0.98), (-0.5, -0.3), (-0.02, -0.62)]

SHAPES: dict[str, list[Group]] = {
    "cat": [
        ("body", [_tail(), ellipse(-0.08, 0.5, 0.5, 0.48), _EAR, mirror(_EAR), ellipse(0, -0.33, 0.53, 0.43)]),
        ("ink", [*_eyes(0.21, -0.37, 0.085), [(-0.07, -0.19), (0.07, -0.19), (0, -0.09)]]),
    ],
    "fish": [
        ("shade", [[(0.3, 0.0), (0.98, -0.52), (0.82, 0.0), (0.98, 0.52)], [(-0.2, -0.4), (0.1, -0.75), (0.3, -0.3)]]),
        ("body", [ellipse(-0.24, 0, 0.74, 0.52)]),
        ("ink", [ellipse(-0.58, -0.12, 0.1, 0.1)]),
    ],
    "bird": [
        ("wood", [box(-0.16, 0.4, -0.06, 0.95), box(0.14, 0.4, 0.24, 0.95)]),
        ("cream", [[(-0.72, -0.55), (-1.0, -0.36), (-0.68, -0.22)]]),
        ("body", [ellipse(0.06, 0.15, 0.58, 0.46), ellipse(-0.46, -0.42, 0.34, 0.34), 
                  [(0.42, -0.1), (1.0, -0.42), (0.92, 0.16), (0.5, 0.4)]]),
        ("shade", [ellipse(0.16, 0.1, 0.33, 0.22)]),
        ("ink", [ellipse(-0.53, -0.48, 0.085, 0.085)]),
    ],
    "house": [
        ("shade", [box(0.36, -0.8, 0.6, -0.2)]),
        ("body", [box(-0.68, -0.1, 0.68, 0.9)]),
        ("shade", [[(-0.95, -0.08), (0, -0.95), (0.95, -0.08)]]),
        ("cream", [box(-0.14, 0.32, 0.2, 0.9), box(-0.52, 0.1, -0.26, 0.38), box(0.32, 0.1, 0.56, 0.38)]),
    ],
    "tree": [
        ("wood", [box(-0.16, 0.2, 0.16, 0.98)]),
        ("body", [ellipse(0, -0.45, 0.52, 0.5), ellipse(-0.44, 0.05, 0.44, 0.42), ellipse(0.44, 0.05, 0.44, 0.42)]),
        ("shade", [ellipse(0.14, -0.42, 0.13, 0.13), ellipse(-0.4, 0.1, 0.13, 0.13), ellipse(0.42, 0.14, 0.13, 0.13)]),
    ],
    "boat": [
        ("wood", [box(-0.06, -0.95, 0.06, 0.4)]),
        ("light", [[(0.0, -0.92), (0.0, 0.36), (0.86, 0.26)], [(-0.1, -0.6), (-0.1, 0.36), (-0.66, 0.26)]]),
        ("body", [[(-0.98, 0.34), (0.98, 0.34), (0.62, 0.9), (-0.62, 0.9)]]),
    ],
    "mushroom": [
        ("cream", [[(-0.26, 0.0), (0.26, 0.0), (0.36, 0.95), (-0.36, 0.95)]]),
        ("body", [[*ellipse(0, 0.14, 0.94, 1.02, 180, 360), (0.8, 0.3), (-0.8, 0.3)]]),
        ("cream", [ellipse(-0.42, -0.16, 0.17, 0.17), ellipse(0.1, -0.5, 0.18, 0.18), ellipse(0.5, -0.06, 0.15, 0.15)]),
    ],
    "ghost": [
        ("body", [_ghost()]),
        ("ink", [*_eyes(0.25, -0.28, 0.11), ellipse(0, 0.08, 0.12, 0.16)]),
    ],
    "flower": [
        ("leaf", [box(-0.12, 0.1, 0.12, 0.98), [(0.0, 0.85), (0.2, 0.5), (0.6, 0.42), (0.42, 0.78)]]),
        ("body", [
            ellipse(0.4 * math.sin(2 * math.pi * i / 5), -0.33 - 0.4 * math.cos(2 * math.pi * i / 5), 0.29, 0.29)
            for i in range(5)
        ]),
        ("cream", [ellipse(0, -0.33, 0.22, 0.22)]),
    ],
    "star": [("body", [_star()]), ("ink", _eyes(0.17, -0.02))],
    "heart": [("body", [_heart()]), ("light", [ellipse(-0.45, -0.42, 0.17, 0.14)])],
    "crown": [
        ("body", [[(-0.9, 0.75), (-0.98, -0.6), (-0.46, 0.02), (0, -0.85), (0.46, 0.02), (0.98, -0.6), (0.9, 0.75)]]),
        ("shade", [box(-0.9, 0.48, 0.9, 0.78)]),
        ("cream", [ellipse(0, 0.12, 0.14, 0.16), ellipse(-0.52, 0.24, 0.1, 0.11), ellipse(0.52, 0.24, 0.1, 0.11)]),
    ],
}  # fmt: skip
