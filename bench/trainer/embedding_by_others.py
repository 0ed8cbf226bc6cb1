"""The embedding that is trained beside a LoRA, read by Forge's own code: are its vectors those that were trained?

    python bench/trainer/embedding_by_others.py --forge FOLDER

FOLDER is a checkout of Forge, of which backend/text_processing/textual_inversion.py is run unchanged. A file of each
family is written as a run writes it, in fp32, and each program has to find the vectors of each text encoder and the
word in a tokenized prompt. diffusers' own reader is run in trainer/tests/adapter/test_embedding.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import torch
from common import TRAINER
from safetensors.torch import save_file

WIDTHS = {"sd15": (768,), "sdxl": (768, 1280)}


def stored(family: str) -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
    """The tensors of an embedding's file of three vectors, and the vectors of each text encoder."""
    from visiontrain_trainer.adapter.embedding import PARTS, embedding_file
    from visiontrain_trainer.base.rng import normal

    rows = [normal((3, width), 9, "embedding", width) for width in WIDTHS[family]]
    tensors = {f"{part}.token_embedding.rows": own for part, own in zip(PARTS.values(), rows, strict=False)}
    return embedding_file(tensors, torch.float32), rows


def forge(folder: Path, file: Path, widths: tuple[int, ...]) -> tuple[list[torch.Tensor], bool]:
    """The vectors that Forge finds, and whether it finds the word by its file name in a tokenized prompt."""
    path = folder / "backend" / "text_processing" / "textual_inversion.py"
    spec = importlib.util.spec_from_file_location("forge_textual_inversion", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from visiontrain_trainer.model.tokens import ClipTokenizer

    tokenizer = ClipTokenizer(TRAINER.parent / "presets" / "tiny" / "sd15" / "tokenizer")
    database = module.EmbeddingDatabase(
        lambda texts, **_: {"input_ids": [tokenizer.ids(text) for text in texts]}, expected_shape=sum(widths)
    )
    database.add_embedding_dir(str(file.parent))
    database.load_textual_inversion_embeddings()
    embedding, length = database.find_embedding_at_position(tokenizer.ids("a zwx, red"), 1)
    if embedding is None:
        return [], False
    found = [embedding.vec] if len(widths) == 1 else [embedding.vec["clip_l"], embedding.vec["clip_g"]]
    return found, length == len(tokenizer.ids("zwx"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--forge", type=Path, required=True)
    given = parser.parse_args()
    for family, widths in WIDTHS.items():
        tensors, rows = stored(family)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "zwx.safetensors"
            save_file(tensors, file)
            found, whole = forge(given.forge.resolve(), file, widths)
        same = whole and len(found) == len(rows) and all(map(torch.equal, found, rows))
        print(f"{family:6} {', '.join(tensors):16} Forge {'the same vectors' if same else 'NOT the same'}")


if __name__ == "__main__":
    main()
