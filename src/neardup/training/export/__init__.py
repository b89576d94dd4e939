"""From a checkpoint to a bundle: parity, whitening, smaller networks."""
