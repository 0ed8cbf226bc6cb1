"""Tiny models with random weights in the form of transformers, whose output is arbitrary: BLIP, Florence-2, CLIPSeg."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import transformers
from tokenizers.pre_tokenizers import ByteLevel

_WORDS = [*"abcdefghijklmnopqrstuvwxyz", "a", "red", "fox", "cat", "on", "hill", "arafed", "the", "of", "blue"]


def make_blip(folder: Path) -> Path:
    """Write a tiny BLIP into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
    words = list(dict.fromkeys([*special, *_WORDS]))
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    images = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    transformers.BlipProcessor(images, tokenizer).save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        **size,
        "vocab_size": len(words),
        "encoder_hidden_size": 16,
        "projection_dim": 16,
        "max_position_embeddings": 96,
        "bos_token_id": words.index("[DEC]"),
        "eos_token_id": words.index("[SEP]"),
        "sep_token_id": words.index("[SEP]"),
        "pad_token_id": 0,
    }
    vision = {**size, "image_size": 32, "patch_size": 16}
    torch.manual_seed(3)
    config = transformers.BlipConfig(text_config=text, vision_config=vision, projection_dim=16)
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    return folder


def make_florence(folder: Path) -> Path:
    """Write a tiny Florence-2 into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(ByteLevel.alphabet())
    words = ["<s>", "<pad>", "</s>", "<unk>", *letters, "<mask>", "<image>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.BartTokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], extra_special_tokens={"image_token": "<image>"}
    )
    images = transformers.CLIPImageProcessor(
        size={"height": 64, "width": 64}, crop_size={"height": 64, "width": 64}, do_center_crop=False
    )
    images.image_seq_length = 5
    transformers.Florence2Processor(images, tokenizer).save_pretrained(folder)
    vision = {
        "depths": [1, 1, 1, 1],
        "embed_dim": [8, 8, 16, 16],
        "num_heads": [1, 1, 2, 2],
        "num_groups": [1, 1, 2, 2],
        "window_size": 2,
        "projection_dim": 16,
    }
    text = {
        "model_type": "bart",
        "d_model": 16,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "vocab_size": len(words),
        "max_position_embeddings": 512,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": 2,
    }
    torch.manual_seed(5)
    config = transformers.Florence2Config(
        text_config=text, vision_config=vision, image_token_id=words.index("<image>"), vocab_size=len(words)
    )
    transformers.Florence2ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def make_clipseg(folder: Path) -> Path:
    """Write a tiny CLIPSeg into `folder` and return it. Its result depends on the prompt and on every pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(ByteLevel.alphabet())
    ends = [letter + "</w>" for letter in letters]
    words = [*letters, *ends, "<|startoftext|>", "<|endoftext|>"]
    tokenizer = transformers.CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])
    images = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    transformers.CLIPSegProcessor(images, tokenizer).save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    text = {
        **size,
        "vocab_size": len(words),
        "max_position_embeddings": 77,
        "bos_token_id": len(words) - 2,
        "eos_token_id": len(words) - 1,
        "pad_token_id": len(words) - 1,
    }
    config = transformers.CLIPSegConfig(
        text_config=text,
        vision_config={**size, "image_size": 32, "patch_size": 8},
        projection_dim=16,
        extract_layers=[0, 1, 2],
        reduce_dim=8,
        conditional_layer=2,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
    )
    torch.manual_seed(5)
    model = transformers.CLIPSegForImageSegmentation(config)
    with torch.no_grad():
        # Freshly initialised weights would give an almost even map.
        for parameter in model.parameters():
            parameter.mul_(8 if parameter.ndim > 1 else 1)
        for film in (model.decoder.film_mul, model.decoder.film_add):
            film.weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    make_clipseg(Path(sys.argv[1]))
