"""The tokenizer and the text encoder, a CLIPTextModel. It is first trained alone, to answer questions on a caption."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .data import HELD_OUT, TRAIN
from .grammar import BACKGROUNDS, COLOURS, COUNTS, PLACES, SIZES, STYLES, THINGS, Scene, caption, sample_scene, words
from .state import Muon, Run

WIDTH, LAYERS, LENGTH = 64, 12, 77
TRIMMED = 36  # tokens that the longest captions need; training leaves out the padding after them
NONE = "none"
QUESTIONS: dict[str, list[str]] = {
    "count": list(COUNTS),
    "thing": list(THINGS),
    "colour": list(COLOURS),
    "thing 2": [*THINGS, NONE],
    "colour 2": [*COLOURS, NONE],
    "size": list(SIZES),
    "place": list(PLACES),
    "background": list(BACKGROUNDS),
    "style": list(STYLES),
}


def answers(scene: Scene) -> list[int]:
    """The right answers for a caption of `scene`: one index per question."""
    second = scene.things[1] if scene.count in ("beside", "above") else None
    said = (
        scene.count, scene.things[0].name, scene.things[0].colour, second.name if second else NONE,
        second.colour if second else NONE, scene.size, scene.place, scene.background, scene.style,
    )  # fmt: skip
    return [options.index(answer) for options, answer in zip(QUESTIONS.values(), said, strict=True)]


def write_tokenizer(folder: Path) -> CLIPTokenizer:
    """Make the tokenizer's files: every byte, and byte pairs merged up to each word of the grammar."""
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=4000, min_frequency=1, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([" ".join(words())], trainer)
    merges = [tuple(m) for m in json.loads(bpe.to_str())["model"]["merges"]]
    names = [*alphabet, *(a + "</w>" for a in alphabet), *dict.fromkeys("".join(m) for m in merges)]
    vocab = {name: i for i, name in enumerate(dict.fromkeys([*names, "<|startoftext|>", "<|endoftext|>"]))}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
               "pad_token": "<|endoftext|>"}  # fmt: skip
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    config = {**special, "model_max_length": LENGTH, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return CLIPTokenizer.from_pretrained(folder)


def tokens(tokenizer: CLIPTokenizer, captions: list[str], length: int = LENGTH) -> torch.Tensor:
    """Token ids (n, length), cut or padded as Stable Diffusion does."""
    out = tokenizer(captions, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return out.input_ids


def build(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A fresh text encoder: SD1.5's twelve layers, narrower."""
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS,
        num_attention_heads=4, max_position_embeddings=LENGTH, hidden_act="quick_gelu", projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    ))  # fmt: skip


class Listener(nn.Module):
    """The text encoder with a linear layer per question, which reads the end token's and the last padding's state."""

    def __init__(self, encoder: CLIPTextModel):
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(WIDTH, len(options)) for options in QUESTIONS.values())

    def forward(self, ids: torch.Tensor) -> list[list[torch.Tensor]]:
        """Logits: for each of the two tokens read, a list with one (n, options) per question."""
        states = self.encoder(input_ids=ids).last_hidden_state
        end = (ids == self.encoder.config.eos_token_id).int().argmax(1)
        read = states[torch.arange(len(ids)), end], states[:, -1]
        return [[head(state) for head in self.heads] for state in read]


def examples(stream: int, step: int, count: int) -> tuple[list[str], torch.Tensor]:
    """The captions of one step and their right answers, (count, questions)."""
    rng = np.random.default_rng([30, stream, step])
    scenes = [sample_scene(rng) for _ in range(count)]
    return [caption(s, rng, invented=0.3) for s in scenes], torch.tensor([answers(s) for s in scenes])


def train(folder: Path, steps: int = 450, rate: float = 1.5e-3, size: int = 64) -> Run:
    """Train the encoder alone; resumes from `folder`. The answers from both tokens of a caption weigh the same."""
    torch.manual_seed(2)
    tokenizer = write_tokenizer(folder / "tokenizer")
    model = Listener(build(tokenizer))
    run = Run(folder / "text.pt", model, Muon(list(model.parameters()), rate), steps, rate, decay=0.995)
    held, truth = examples(HELD_OUT, 0, 512)

    @torch.no_grad()
    def score() -> dict:
        mean = Listener(build(tokenizer))
        mean.load_state_dict(run.average)
        logits = mean.eval()(tokens(tokenizer, held, TRIMMED))[0]
        right = [float((a.argmax(1) == truth[:, i]).float().mean()) for i, a in enumerate(logits)]
        return {name: round(100 * share, 1) for name, share in zip(QUESTIONS, right, strict=True)}

    for step in run.steps(score, 300):
        said, truth_now = examples(TRAIN, step, size)
        losses = [
            nn.functional.cross_entropy(logits, truth_now[:, i])
            for read in model(tokens(tokenizer, said, TRIMMED))
            for i, logits in enumerate(read)
        ]
        run.update(torch.stack(losses).mean())
    return run


def finish(average: dict, folder: Path) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """The tokenizer and the trained encoder, without the linear layers for the answers."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    model = Listener(build(tokenizer))
    model.load_state_dict(average)
    return tokenizer, model.encoder.eval()
