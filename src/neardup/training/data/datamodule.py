"""Batches of pairs for the trainer."""

from functools import partial

import torch
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from neardup.cores import available_cores
from neardup.errors import ConfigError
from neardup.training.augment import ViewMaker
from neardup.training.config import DataConfig
from neardup.training.data.pairs import Pair, PairDataset
from neardup.training.data.sampler import StepBatchSampler
from neardup.training.data.sources import Images


class PairDataModule(LightningDataModule):
    """The training loader. Validation reads its images directly (see ``validation.py``).

    Args:
        config: batch size and workers.
        images: the training split.
        make_view: the augmentation.
        seed: the run's seed.
        steps_per_round: steps between validations.
        max_steps: steps of the whole run.
    """

    def __init__(
        self,
        config: DataConfig,
        images: Images,
        make_view: ViewMaker,
        *,
        seed: int,
        steps_per_round: int,
        max_steps: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.dataset = PairDataset(images, make_view, seed=seed)
        self.make_sampler = partial(
            StepBatchSampler,
            num_sources=len(images),
            batch_size=config.batch_size,
            steps_per_round=steps_per_round,
            max_steps=max_steps,
            seed=seed,
        )

    def train_dataloader(self) -> DataLoader[Pair]:
        """This process's loader. Lightning tells its batch sampler which round it is."""
        assert self.trainer is not None
        world_size = self.trainer.world_size
        if self.config.batch_size % world_size:
            raise ConfigError(
                f"data.batch_size={self.config.batch_size}: must be a multiple of the"
                f" {world_size} processes (trainer.devices)"
            )
        on_gpu = self.trainer.strategy.root_device.type == "cuda"
        workers = self.config.num_workers
        if workers < 0:
            workers = _workers_for(on_gpu, self.trainer.num_devices)
        sampler = self.make_sampler(rank=self.trainer.global_rank, world_size=world_size)
        # Lightning starts the loader before it tells the sampler of a resumed run its round.
        sampler.set_epoch(self.trainer.global_step // sampler.steps_per_round)
        return DataLoader(
            self.dataset,
            batch_sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=4 if workers else None,
            pin_memory=on_gpu,
            worker_init_fn=_one_thread,
        )


def _workers_for(on_gpu: bool, processes: int) -> int:
    """All cores feed a GPU; a CPU run needs them itself and one loader keeps it fed."""
    return max(1, available_cores() // processes) if on_gpu else 1


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)
