"""Where the weights are: a data file in this package, read once, at start."""

from importlib.resources import files

import yaml

from ooda.orienter.core.weights import Weights


def load_weights() -> Weights:
    """Read and check the packaged weights. Raises ValueError (pydantic's) naming what is wrong."""
    text = files("ooda.orienter.core").joinpath("weights.yaml").read_text(encoding="utf-8")
    return Weights.model_validate(yaml.safe_load(text))
