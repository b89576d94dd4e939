"""Does ``train.py`` keep its processor busy? Its speed against that of the bare training step.

    python benchmarks/train.py [--rounds N] [--steps N] [--warmup N] [KEY=VALUE ...]

The keys are those of ``train.py``; ``trainer.accelerator=cpu`` measures the CPU of a machine that
has a GPU. Images are views, two a pair. Measured are

- the bare step: forward pass, loss, backward pass and optimizer on batches that lie ready on the
  device; nothing that trains with this configuration can be faster;
- training: the same with the loader, Lightning, the figures and the logger of ``train.py``, after
  ``--warmup`` steps, without start-up and validation;
- the loader alone, in one process on one core.

They take turns, so that a slow minute hits all of them: each ratio is to the mean of the bare steps
before and after. Loaders run ahead, by four batches each: with many of them, ``--warmup`` has to be
a multiple of four times their number, or the first batches measured are ready ones.
"""

import argparse
import copy
import gc
import json
import logging
import tempfile
import time
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from neardup.config import exit_on_error
from neardup.embedder import available_cores
from neardup.training import schema
from neardup.training.callbacks.collapse import Alarm
from neardup.training.callbacks.dashboard import Dashboard
from neardup.training.callbacks.throughput import Throughput
from neardup.training.config import TrainConfig
from neardup.training.data.datamodule import PairDataModule
from neardup.training.data.sources import load_sources
from neardup.training.module import SiameseModule
from neardup.training.run import build_trainer
from neardup.training.teacher import load_teacher
from neardup.training.weights import initial_encoder

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
READY_BATCHES = 4


class Clock(pl.Callback):
    """Times the steps of a run from the end of step ``warmup`` on."""

    def __init__(self, warmup: int, steps: int) -> None:
        self.first, self.last = warmup, warmup + steps

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step in (self.first, self.last):
            now = finished(trainer.strategy.root_device)
            self.seconds = now - self._started if trainer.global_step == self.last else 0.0
            self._started = now


class Bench:
    """One configuration, and the three speeds to be measured of it, in images/s."""

    def __init__(self, config: TrainConfig, *, steps: int, warmup: int) -> None:
        length = steps + warmup
        trainer = replace(config.trainer, devices=1, max_steps=length, val_every=length)
        self.config = replace(config, trainer=trainer)
        self.steps, self.warmup = steps, warmup
        pl.seed_everything(config.seed, verbose=False)
        self.teacher = load_teacher(config.distill, config.encoder.embedding_size)
        at_least = self.teacher.image_size if self.teacher else 0
        self.view_size = max(config.data.image_size, at_least)
        self.sources = load_sources(
            config.data, max_zoom=config.augment.max_zoom, view_size=self.view_size, show=False
        )
        self.encoder, _ = initial_encoder(config.encoder, config.data.image_size)
        self.trainer = build_trainer(self.config, [], resume_step=None)  # for device and precision
        self.device = self.trainer.strategy.root_device
        self.module = self.new_module().to(self.device).train()
        self.optimizer = self.module.configure_optimizers()["optimizer"]  # type: ignore[index]
        batches = iter(self.loader())
        self.ready = [
            {name: value.to(self.device) for name, value in next(batches).items()}
            for _ in range(min(READY_BATCHES, length))
        ]

    def about(self) -> dict[str, Any]:
        on_gpu = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if on_gpu else self.device.type,
            "cores": available_cores(),
            "threads": torch.get_num_threads(),
            "backbone": self.config.encoder.backbone,
            "image_size": self.config.data.image_size,
            "batch_size": self.config.data.batch_size,
            "precision": str(self.trainer.precision),
        }

    def new_module(self) -> SiameseModule:
        return SiameseModule(self.config, copy.deepcopy(self.encoder), {}, self.teacher)

    def loader(self) -> DataLoader[Any]:
        data = PairDataModule(self.config, self.sources.train, self.view_size)
        return DataLoader(data.dataset, batch_sampler=data.make_sampler())

    def images(self, steps: int) -> int:
        return 2 * self.config.data.batch_size * steps

    def bare(self) -> float:
        for number in range(self.warmup + self.steps):
            if number == self.warmup:
                started = finished(self.device)
            self.optimizer.zero_grad()
            with self.trainer.precision_plugin.forward_context():
                parts, *_ = self.module.objective(self.ready[number % len(self.ready)])
            parts["total"].backward()
            if clip := self.config.trainer.gradient_clip:
                torch.nn.utils.clip_grad_norm_(self.module.parameters(), clip)
            self.optimizer.step()
        return self.images(self.steps) / (finished(self.device) - started)

    def training(self) -> float:
        with tempfile.TemporaryDirectory() as folder:
            config = replace(self.config, run_dir=folder)
            clock = Clock(self.warmup, self.steps)
            callbacks = [
                Throughput(config.trainer.max_steps),
                Alarm(config.trainer.collapse_patience),
                Dashboard(Path(folder)),
                clock,
            ]
            trainer = build_trainer(config, callbacks, resume_step=None)
            data = PairDataModule(config, self.sources.train, self.view_size)
            trainer.fit(self.new_module(), data)
        del trainer, data
        gc.collect()  # ends the loader's processes
        return self.images(self.steps) / clock.seconds

    def loading(self) -> float:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        batches = iter(self.loader())
        next(batches)
        count = min(READY_BATCHES, self.steps)
        started = time.perf_counter()
        for _ in range(count):
            next(batches)
        seconds = time.perf_counter() - started
        torch.set_num_threads(threads)
        return self.images(count) / seconds


def finished(device: torch.device) -> float:
    """The time when all that was queued on ``device`` is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def configuration(overrides: list[str], run_dir: str) -> TrainConfig:
    """What ``train.py`` would make of its command line."""
    schema.register_schemas()
    quiet = [] if any(o.startswith("logger=") for o in overrides) else ["logger=csv"]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        cfg = compose("train", [*quiet, *overrides, f"run_dir={run_dir}"])
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    return schema.from_plain({str(key): value for key, value in plain.items()})


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="measured, each time")
    parser.add_argument("--warmup", type=int, default=5, help="steps before these")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for train.py")
    options = parser.parse_intermixed_args(arguments)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    with exit_on_error(), tempfile.TemporaryDirectory() as scratch:
        config = configuration(options.overrides, scratch)
        bench = Bench(config, steps=options.steps, warmup=options.warmup)
        print(json.dumps(bench.about()), flush=True)
        found: dict[str, list[float]] = defaultdict(list)
        before = bench.bare()
        for _ in range(options.rounds):
            training, after = bench.training(), bench.bare()
            row = {
                "bare step, images/s": after,
                "training, images/s": training,
                "training / bare step": training / ((before + after) / 2),
                "loader on one core, images/s": bench.loading(),
            }
            before = after
            for name, value in row.items():
                found[name].append(value)
            print(json.dumps({name: round(value, 3) for name, value in row.items()}), flush=True)
    for name, values in sorted(found.items()):
        low, middle, high = (round(float(np.quantile(values, q)), 3) for q in (0.0, 0.5, 1.0))
        print(json.dumps({"measured": name, "median": middle, "low": low, "high": high}))


if __name__ == "__main__":
    main()
