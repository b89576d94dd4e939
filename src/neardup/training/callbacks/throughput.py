"""How fast a run is, whether it waits for data, and when it will be done."""

import time
from contextlib import ExitStack
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from neardup.progress import progress


class Throughput(Callback):
    """Times training steps, validation left out, and shows the progress bar.

    Attributes:
        images: images seen by all processes, two a pair.
        seconds: spent in steps and waiting for data.
        waited: seconds of these spent waiting for data.
    """

    def __init__(self, max_steps: int) -> None:
        self.max_steps = max_steps
        self.images = 0
        self.seconds = 0.0
        self.waited = 0.0
        self._bar = ExitStack()

    @property
    def images_per_second(self) -> float:
        """Of all processes together."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def data_wait_share(self) -> float:
        """Share of the time spent waiting for data, in [0, 1]."""
        return self.waited / self.seconds if self.seconds else 0.0

    def state_dict(self) -> dict[str, float]:
        """So that a resumed run adds to what was counted before."""
        return {"images": self.images, "seconds": self.seconds, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.images = int(state_dict["images"])
        self.seconds, self.waited = state_dict["seconds"], state_dict["waited"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        left = self.max_steps - trainer.global_step
        self._advance = self._bar.enter_context(
            progress("training", left, unit="steps", show=trainer.is_global_zero)
        )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The batch is here: the wait is over."""
        self.waited += time.perf_counter() - self._last

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.perf_counter()
        self.seconds += now - self._last
        self.images += 2 * len(batch["anchor"]) * trainer.world_size
        self._last = now
        self._advance(1)
        if trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            pl_module.log("speed/images_per_second", torch.tensor(self.images_per_second))
            pl_module.log("speed/data_wait_share", torch.tensor(self.data_wait_share))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait for the steps that a GPU has still to take: the clock stops here."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        self.seconds += time.perf_counter() - self._last

    def on_train_end(self, *_: Any) -> None:
        self._bar.close()

    def on_exception(self, *_: Any) -> None:
        self._bar.close()
