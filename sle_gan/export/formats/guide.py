"""What lies beside an export that draws codes: the codes of seeds, a description, and how to draw with it."""

from pathlib import Path

import numpy as np

from sle_gan.export.drawing import format_seeds
from sle_gan.export.formats.exporting import Source
from sle_gan.json_files import write_json

_README = """# {run}, step {step}

Drawn by a generator that SLE-GAN trained: {side} px, {channels} channels.
`generator.json` describes it. `codes.npz` holds the codes of the seeds {seeds}; a code of your own is
`numpy.random.default_rng().normal(size=[1, {size}]).astype("float32")`.{classes}

```python
import numpy as np
from PIL import Image

codes = np.load("codes.npz")
inputs = {{name: codes[name][:8] for name in {inputs}}}
{how_to}
pixels = np.clip(images * 127.5 + 127.5, 0, 255).round().astype(np.uint8)
for number, picture in enumerate(pixels):
    Image.fromarray(picture.squeeze()).save(f"picture-{{number}}.png")
```
"""


def write_guide(source: Source, folder: Path, how_to: str) -> None:
    """Writes `codes.npz`, `generator.json` and `README.md`.

    Args:
        source: the `Source`.
        folder: `Path` where they are written.
        how_to: lines of Python that make `images`, float32 in [-1, 1], of `inputs`, arrays by name.
    """
    inputs, description = source.inputs(source.seeds), source.describe()
    np.savez(folder / "codes.npz", allow_pickle=False, seeds=np.asarray(source.seeds, np.int64), **inputs)
    outputs = {"images": "float32 [batch, height, width, channels] in [-1, 1]"}
    kinds = {"z": "float32 [batch, latent_size], N(0, 1)", "label": "int32 [batch], an index into classes"}
    write_json(
        folder / "generator.json", description | {"inputs": {name: kinds[name] for name in inputs}, "outputs": outputs}
    )
    names = description.get("classes", ())
    classes = f"\n`label` is a class: {', '.join(f'{number} {name}' for number, name in enumerate(names))}."
    text = _README.format(
        run=description["run"],
        step=description["step"],
        side=description["resolution"],
        channels=description["channels"],
        size=description["latent_size"],
        seeds=format_seeds(source.seeds),
        classes=classes if names else "",
        inputs=tuple(inputs),
        how_to=how_to,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
