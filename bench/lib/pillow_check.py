"""What a plain check of a folder with Pillow and ImageHash does: pillow_check.py FOLDER

Each image is opened for its size and turning, hashed whole, and decoded for its perceptual hash; then all pairs are
compared. Prints the pairs that differ by at most 10 of 64 bits, and the exact copies, as JSON."""

import hashlib
import json
import sys
from itertools import combinations
from pathlib import Path

import imagehash
from PIL import Image, ImageOps

folder = Path(sys.argv[1])
files = sorted(path for path in folder.rglob("*") if path.suffix in {".jpg", ".png", ".webp"})
sizes, contents, prints = {}, {}, {}
for path in files:
    name = str(path.relative_to(folder))
    with Image.open(path) as image:
        sizes[name] = image.size, image.getexif().get(0x0112)
        contents[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        prints[name] = imagehash.phash(ImageOps.exif_transpose(image))
near = [[a, b] for a, b in combinations(prints, 2) if contents[a] != contents[b] and prints[a] - prints[b] <= 10]
copies = [[a, b] for a, b in combinations(contents, 2) if contents[a] == contents[b]]
print(json.dumps({"images": len(files), "near": near, "copies": copies}))
