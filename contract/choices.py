"""What a setting can be chosen from, and what it is where nobody chooses. The first of each is the usual one."""

from __future__ import annotations

AUTO = "auto"
CPU, CUDA, MPS = "cpu", "cuda", "mps"
DEVICES = (AUTO, CPU, CUDA, MPS)
FP32, BF16 = "fp32", "bf16"
PRECISIONS = (AUTO, FP32, BF16)

BUNDLED = "bundled"  # id of the plugin's own model

# Test-time augmentation, and how often each looks at a tile.
ONE_LOOK, FLIPS, D4 = "none", "flips", "d4"
AUGMENTATIONS = {ONE_LOOK: 1, FLIPS: 4, D4: 8}

FLAIR13, MODEL = "flair13", "model"  # whose classes a map shows
CLASSES = (FLAIR13, MODEL)

# What a fine-tuning trains: the last layers, the decoder, or the whole network.
LAST, DECODER, ALL = "last", "decoder", "all"
TRAINABLE = (LAST, DECODER, ALL)

# Share of the polygons that is held out to measure a fine-tuning.
HOLDOUT, MAX_HOLDOUT = 0.25, 0.5
# Weight of the term that holds unlabelled pixels to the base model's probabilities.
KEEP_BASE = 0.25
