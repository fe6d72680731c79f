from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from flair_landcover.contract.errors import Cancelled
from flair_landcover.finetune.samples import IGNORED, UNLABELLED, Sample
from flair_landcover.finetune.train import Hyperparameters, prepare_crops, train
from flair_landcover.finetune.trained_stages import trained_chain
from flair_landcover.models.networks.build import build_network

from .scenes import TINY, Watcher

SETTINGS = Hyperparameters(epochs=4, batch=2, rate=2e-3, keep_base=1.0, seed=0)


def made_samples(count: int, seed: int = 0) -> list[Sample]:
    """Dark crops are class 4, bright ones class 6; a quarter of each is labelled."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for number in range(count):
        bright = number % 2
        aerial = torch.rand(5, 64, 64, generator=generator) * 0.2 + 0.7 * bright
        target = torch.full((64, 64), UNLABELLED, dtype=torch.int16)
        target[:32, :32] = 6 if bright else 4
        target[32:, 32:] = IGNORED
        samples.append(Sample(aerial, target))
    return samples


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    return build_network(TINY)


def prepared(network, chain, samples, held=True, **settings):
    base = (TINY, network) if held else None
    return prepare_crops(iter(samples), network, chain, base, "cpu", lambda: None, **settings)


def trained(base, settings=SETTINGS, held_out=4, report=None, trainable="last"):
    network = copy.deepcopy(base)
    chain = trained_chain(TINY, network, trainable)
    crops = prepared(network, chain, made_samples(8))
    held_out_crops = prepared(network, chain, made_samples(held_out, seed=1), held=False)
    report = report or Watcher()
    result = train(
        network, chain, TINY, crops, held_out_crops, settings, "cpu", False, report, lambda share, left: None
    )
    return network, result, report


def test_the_loss_falls_and_the_held_out_crops_are_told_right(base):
    _, result, report = trained(base)
    assert result.history == report.epochs and len(result.history) == 4
    assert result.history[-1].loss < result.history[0].loss
    assert result.history[-1].holdout_loss < result.history[0].holdout_loss + 1e-6
    assert result.stopped in ("end", "early")


def test_the_frozen_part_and_all_statistics_stay(base):
    network, _, _ = trained(base)
    old, new = base.state_dict(), network.state_dict()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed and not any(name.startswith("encoder") or "running" in name for name in changed)
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


def test_the_kept_state_is_that_of_the_best_epoch(base):
    _, result, _ = trained(base, Hyperparameters(6, 2, 2e-3, 1.0, 0))
    kept, _, _ = trained(
        base, Hyperparameters(6, 2, 2e-3, 1.0, 0), report=Watcher("", "enough", after_epochs=result.best_epoch)
    )
    again, _, _ = trained(base, Hyperparameters(6, 2, 2e-3, 1.0, 0))
    for first, second in zip(kept.parameters(), again.parameters()):
        assert torch.equal(first, second)


def test_a_seed_gives_the_same_network(base):
    first, second = (trained(base)[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))
    other = trained(base, Hyperparameters(4, 2, 2e-3, 1.0, 1))[0]
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters()))


def test_a_training_that_gets_no_better_ends_early(base):
    spoiling = Hyperparameters(40, 2, 0.3, 0.0, 0)  # steps so large that they spoil the network
    _, result, report = trained(base, spoiling)
    assert result.stopped == "early" and len(report.epochs) < 40
    assert report.epochs[result.best_epoch - 1].best


def test_without_a_hold_out_the_last_state_is_kept(base):
    _, result, report = trained(base, held_out=0)
    assert (result.best_epoch, result.stopped) == (4, "end")
    assert all(epoch.holdout_loss is None and epoch.holdout_iou is None for epoch in report.epochs)


def test_the_more_weight_the_base_has_the_nearer_the_network_stays(base):
    aerial = torch.stack([sample.aerial for sample in made_samples(4, seed=2)])
    networks = [base, *(trained(base, Hyperparameters(4, 2, 2e-3, weight, 0))[0] for weight in (0.0, 20.0))]
    with torch.no_grad():
        before, free, held = (network(aerial).softmax(1) for network in networks)
    assert (held - before).abs().mean() < (free - before).abs().mean()


def test_a_cancel_ends_it_at_the_next_step(base):
    with pytest.raises(Cancelled):
        trained(base, report=Watcher("", "cancel", after_epochs=1))


def test_enough_before_the_first_step_is_a_cancel(base):
    with pytest.raises(Cancelled):
        trained(base, report=Watcher("", "enough"))


def test_raw_inputs_keep_their_precision_where_all_is_trained(base):
    network = copy.deepcopy(base)
    chain = trained_chain(TINY, network, "all")
    (crop,) = prepared(network, chain, made_samples(1))
    assert crop.calls[0][0][0].dtype == torch.float32
    network, result, _ = trained(base, Hyperparameters(1, 2, 1e-4, 1.0, 0), trainable="all")
    assert result.history[0].loss > 0
    assert not torch.equal(network.encoder.conv1.weight, base.encoder.conv1.weight)


def test_no_more_is_prepared_than_memory_is_meant_for(base):
    network = copy.deepcopy(base)
    chain = trained_chain(TINY, network, "last")
    one = trained(base)[1]
    some = prepared(network, chain, made_samples(8), budget=one.cached // one.crops * 3)
    assert 2 <= len(some) <= 3


def test_the_frozen_part_is_run_once(base):
    network = copy.deepcopy(base)
    chain = trained_chain(TINY, network, "last")
    crops = prepared(network, chain, made_samples(4))
    runs = []
    network.encoder.register_forward_hook(lambda *_: runs.append(1))
    train(network, chain, TINY, crops, [], SETTINGS, "cpu", False, Watcher(), lambda share, left: None)
    assert not runs


def test_progress_ends_at_the_whole(base):
    network = copy.deepcopy(base)
    chain = trained_chain(TINY, network, "last")
    told = []
    train(
        network,
        chain,
        TINY,
        prepared(network, chain, made_samples(4)),
        [],
        SETTINGS,
        "cpu",
        False,
        Watcher(),
        lambda share, left: told.append((share, left)),
    )
    assert told[-1][0] == 1 and told[-1][1] == pytest.approx(0)
    assert np.all(np.diff([share for share, _ in told]) > 0)
