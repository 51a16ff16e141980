"""TransUNet: its size against the paper's and by hand, its first weights, its determinism."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import types
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from benchmark.errors import PluginError
from benchmark.methods import _pretrained
from benchmark.methods._networks import build, parameter_count
from benchmark.methods._numerics import place
from benchmark.methods._pretrained import UnavailableError, encoder_state, initialise, published
from benchmark.methods._transunet import FULL, TINY, Sizes, TransUNet
from benchmark.methods._weights import save_atomically
from benchmark.methods.direct import Direct
from benchmark.methods.jdl import JDL
from benchmark.methods.otsu import Otsu

#: As R50-ViT-B/16 in kind, and small enough to be built in no time.
SMALL = Sizes(3, 8, (16, 32, 48), (2, 1, 1), 4, 24, 2, 3, 40, 12, (10, 8, 6, 4))


def by_hand(s: Sizes, size: int, heads: int) -> tuple[int, int]:
    """Numbers in the encoder and in the decoders, added up layer by layer."""

    def unit(a: int, b: int, change: bool) -> int:
        inner = b // 4  # three convolutions and their normalisations; a fourth where sizes change
        total = a * inner + 9 * inner**2 + inner * b + 2 * (inner + inner + b)
        return total + (a * b + 2 * b if change else 0)

    encoder, a = s.colours * s.stem * 49 + 2 * s.stem, s.stem
    for width, units in zip(s.widths, s.units, strict=True):
        encoder += unit(a, width, True) + (units - 1) * unit(width, width, False)
        a = width
    encoder += a * s.hidden + s.hidden + (size // 16) ** 2 * s.hidden
    attention = s.hidden * 3 * s.hidden + 3 * s.hidden + s.hidden**2 + s.hidden
    perceptron = s.hidden * s.mlp + s.mlp + s.mlp * s.hidden + s.hidden
    encoder += s.layers * (attention + perceptron + 4 * s.hidden) + 2 * s.hidden

    def conv(a: int, b: int) -> int:
        return 9 * a * b + 2 * b

    decoder, a = conv(s.hidden, s.bridge), s.bridge
    for b, skip in zip(s.decoder, (s.widths[1], s.widths[0], s.stem, 0), strict=True):
        decoder += conv(a + skip, b) + conv(b, b)
        a = b
    return encoder, heads * (decoder + 9 * a + 1)


@pytest.fixture(scope="module")
def full() -> TransUNet:
    with torch.device("meta"):  # shapes without values: nothing to wait for
        return TransUNet(2, FULL, 224)


def test_the_full_network_has_the_parameters_of_the_published_one(full: TransUNet) -> None:
    assert (parameter_count(full.encoder), parameter_count(full.decoders)) == by_hand(FULL, 224, 2)
    one = parameter_count(full) - parameter_count(full.decoders[1])
    # With its nine outputs instead of one the reference network has 105.28 million.
    assert one == 105_275_921
    assert round((one + 8 * (9 * 16 + 1)) / 1e6, 2) == 105.28
    # The known sizes of its parts: ViT-B's twelve layers and last norm, the ResNet to stage 3.
    assert parameter_count(full.encoder.layers) == 12 * 7_087_872


@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize(("sizes", "size"), [(TINY, 80), (TINY, 32), (SMALL, 48)])
def test_small_networks_have_the_parameters_counted_by_hand(
    sizes: Sizes, size: int, heads: int
) -> None:
    network = TransUNet(heads, sizes, size)
    counted = parameter_count(network.encoder), parameter_count(network.decoders)
    assert counted == by_hand(sizes, size, heads)


def test_a_tiny_network_has_at_most_two_million_parameters() -> None:
    assert 500_000 < parameter_count(TransUNet(1, TINY, 80)) <= 2_000_000


@pytest.mark.parametrize(("heads", "size"), [(1, 16), (2, 48)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_are_float32_of_the_image_size_whatever_the_dtype_and_layout(
    heads: int, size: int, dtype: torch.dtype
) -> None:
    network = build("tiny_transunet", heads=heads, size=size)
    place(network, "cpu")
    images = torch.rand(3, 1, size, size).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        logits = network(images)
    assert logits.shape == (3, heads, size, size)
    assert logits.dtype == torch.float32
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_features_halve_from_stage_to_stage() -> None:
    features = TransUNet(1, SMALL, 96).encoder(torch.rand(2, 1, 96, 96))
    assert [tuple(f.shape) for f in features] == [
        (2, 8, 48, 48),
        (2, 16, 24, 24),
        (2, 32, 12, 12),
        (2, 24, 6, 6),
    ]


@pytest.mark.parametrize("size", [0, 8, 40, 90, 225])
def test_a_size_that_is_no_multiple_of_16_is_refused_by_name(size: int) -> None:
    with pytest.raises(ValueError, match=rf"size {size} is not a multiple of 16"):
        TransUNet(1, TINY, size)


def test_an_image_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"48 x 32 pixels; this network takes size 32"):
        TransUNet(1, SMALL, 32)(torch.rand(1, 1, 48, 32))


def test_a_method_refuses_what_its_backbone_cannot_do() -> None:
    for backbone in ("transunet", "tiny_transunet"):
        with pytest.raises(ValidationError, match=rf"size 88 .* 16, as backbone {backbone} needs"):
            JDL(backbone=backbone, size=88)
    JDL(backbone="unet", size=88, channels=(4, 8, 16))  # four levels fewer
    for backbone in ("unet", "tiny_transunet"):
        with pytest.raises(ValidationError, match="encoder_weights"):
            JDL(backbone=backbone, encoder_weights="imagenet21k")


def test_heads_share_the_encoder_but_not_the_decoder() -> None:
    network = TransUNet(2, SMALL, 32)
    network(torch.rand(2, 1, 32, 32))[:, 0].sum().backward()
    used = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(name.startswith("encoder.stem") for name in used)
    assert any(name.startswith("encoder.layers") for name in used)
    assert any(name.startswith("decoders.0.") for name in used)
    assert not any(name.startswith("decoders.1.") for name in used)


@pytest.mark.parametrize("sizes", [SMALL, TINY], ids=["small", "tiny"])
def test_every_parameter_reaches_the_output(sizes: Sizes) -> None:
    torch.manual_seed(0)
    network = TransUNet(1, sizes, 32)
    network(torch.rand(2, 1, 32, 32)).square().sum().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_a_far_pixel_reaches_every_logit_through_the_transformer_alone() -> None:
    torch.manual_seed(0)
    network = TransUNet(1, SMALL, 160).eval()
    images = torch.rand(1, 1, 160, 160)
    moved = images.clone()
    moved[..., :8, :8] += 1

    def change() -> float:
        with torch.no_grad():
            return float((network(images) - network(moved))[..., -8:, -8:].abs().max())

    # Group normalisation joins far places too: without it, and without attention, nothing would.
    for module in network.encoder.modules():
        if isinstance(module, nn.GroupNorm):
            module.forward = lambda x: 0.2 * x  # type: ignore[method-assign]
    assert change() > 0
    for layer in network.encoder.layers:
        nn.init.zeros_(layer.get_submodule("attention.out").weight)  # type: ignore[arg-type]
    assert change() == 0


def test_dropout_acts_in_the_transformer_and_in_training_only() -> None:
    torch.manual_seed(0)
    network = TransUNet(1, SMALL, 32, dropout=0.5)
    x = torch.rand(2, 1, 32, 32)
    *skips, deep = network.encoder(x)
    *again, other = network.encoder(x)
    assert all(torch.equal(a, b) for a, b in zip(skips, again, strict=True))
    assert not torch.equal(deep, other)
    network.eval()
    assert torch.equal(network(x), network(x))


def test_attention_is_the_softmax_of_scaled_products_of_each_head() -> None:
    torch.manual_seed(0)
    attention: Any = TransUNet(1, SMALL, 32).encoder.layers[0].get_submodule("attention")
    x = torch.rand(2, 5, 24)
    q, k, v = attention.qkv(x).chunk(3, dim=-1)
    heads = []
    for h in range(3):
        part = slice(8 * h, 8 * h + 8)
        scores = torch.einsum("bic,bjc->bij", q[..., part], k[..., part]) / 8**0.5
        heads.append(torch.einsum("bij,bjc->bic", scores.softmax(-1), v[..., part]))
    torch.testing.assert_close(attention(x), attention.out(torch.cat(heads, dim=-1)))


def test_the_same_seed_gives_the_same_gradients_under_deterministic_algorithms() -> None:
    def gradients() -> list[Tensor]:
        torch.manual_seed(3)
        network = TransUNet(2, SMALL, 48, dropout=0.3)
        place(network, "cpu")
        with torch.autocast("cpu", torch.bfloat16):
            network(torch.rand(2, 1, 48, 48)).square().mean().backward()
        return [p.grad for p in network.parameters() if p.grad is not None]

    torch.use_deterministic_algorithms(True)
    try:
        first, second = gradients(), gradients()
    finally:
        torch.use_deterministic_algorithms(False)
    assert len(first) > 50
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


# --- first weights -----------------------------------------------------------------------------


_DECLARED: list[object] = []  # a declaration ends with the object that made it


def _declare_operators() -> None:
    """Let timm import a torchvision that was built for CUDA beside a torch that was not.

    Its compiled operators do not load there, and importing it would end in a RuntimeError; it asks
    only that they be declared.
    """
    if torch.__version__.endswith("+cpu") and "torchvision" not in sys.modules and not _DECLARED:
        library: Any = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(library)


@pytest.fixture(scope="module")
def timm() -> Any:
    _declare_operators()
    return pytest.importorskip("timm", reason="timm is not installed")


@pytest.fixture(scope="module")
def timm_model(timm: Any) -> Any:
    """R50-ViT-B/16 as timm builds it, with random weights; cut to two transformer layers."""
    torch.manual_seed(1)
    model = timm.create_model("vit_base_r50_s16_224.orig_in21k", num_classes=0, depth=2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # norms' weights are 1 and biases 0: any mistake would pass
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def timm_features(model: Any, images: Tensor) -> list[Tensor]:
    """What timm's parts give without the class token: stem, two stages, tokens."""
    backbone, features = model.patch_embed.backbone, []
    x = backbone.stem.norm(backbone.stem.conv(images))
    features.append(x)
    x = backbone.stem.pool(x)
    for stage in backbone.stages:
        x = stage(x)
        features.append(x)
    tokens = model.patch_embed.proj(x).flatten(2).transpose(1, 2) + model.pos_embed[:, 1:]
    tokens = model.norm(model.blocks(tokens))
    features[-1] = tokens.transpose(1, 2).unflatten(2, (14, 14))
    return features


def test_weights_of_timm_give_the_features_that_timm_computes(
    timm_model: Any, tmp_path: Path
) -> None:
    path = tmp_path / "published.pth"
    torch.save(timm_model.state_dict(), path)
    network = TransUNet(1, replace(FULL, layers=2), 224).eval()
    initialise({"scar": network}, str(path), tmp_path)
    image = torch.rand(1, 1, 224, 224, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        ours = network.encoder(image)
        theirs = timm_features(timm_model, image.expand(-1, 3, -1, -1))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    done = json.loads((tmp_path / "initialisation.json").read_text())
    assert done["used"] == path.name
    assert len(done["sha256"]) == 64


def test_every_weight_of_timms_whole_network_has_its_place_in_ours(
    full: TransUNet, timm: Any
) -> None:
    with torch.device("meta"):
        model = timm.create_model("vit_base_r50_s16_224.orig_in21k")
    ours = encoder_state(model.state_dict(), "scar", Path("x"))
    wanted = {k: tuple(v.shape) for k, v in full.encoder.state_dict().items()}
    given = {k: tuple(v.shape) for k, v in ours.items()}
    assert given.pop("positions") == (1, 197, 768)
    assert wanted.pop("positions") == (1, 196, 768)
    assert given == wanted


def own(folder: Path, name: str = "own.pt", size: int = 32, **networks: int) -> Path:
    """A file such as training leaves, with a network for each name, of that seed."""
    modules = nn.ModuleDict()
    for key, seed in networks.items():
        torch.manual_seed(seed)
        modules[key] = TransUNet(1, SMALL, size)
    save_atomically(modules.state_dict(), folder / name)
    return folder / name


def test_a_checkpoint_of_ours_gives_each_network_the_encoder_of_its_name(tmp_path: Path) -> None:
    path = own(tmp_path, myocardium=1, scar=2)
    torch.manual_seed(9)
    networks = {"scar": TransUNet(1, SMALL, 32), "other": nn.Linear(2, 2)}
    before = networks["scar"].decoders.state_dict()  # type: ignore[union-attr]
    before = {k: v.clone() for k, v in before.items()}
    initialise(networks, str(path), tmp_path)
    state = torch.load(path, weights_only=True)
    for key, value in networks["scar"].encoder.state_dict().items():  # type: ignore[union-attr]
        assert torch.equal(value, state[f"scar.encoder.{key}"])
    for key, value in networks["scar"].decoders.state_dict().items():  # type: ignore[union-attr]
        assert torch.equal(value, before[key])


def test_the_only_encoder_of_a_checkpoint_serves_any_network(tmp_path: Path) -> None:
    path = own(tmp_path, shared=1)
    networks = {"scar": TransUNet(1, SMALL, 32)}
    initialise(networks, str(path), tmp_path)
    state = torch.load(path, weights_only=True)
    assert torch.equal(networks["scar"].encoder.positions, state["shared.encoder.positions"])


def test_a_safetensors_file_is_read_like_any_other(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    state = TransUNet(1, SMALL, 32).state_dict()
    safetensors.save_file(state, tmp_path / "own.safetensors")
    networks = {"scar": TransUNet(1, SMALL, 32)}
    initialise(networks, str(tmp_path / "own.safetensors"), tmp_path)
    for key, value in networks["scar"].encoder.state_dict().items():
        assert torch.equal(value, state[f"encoder.{key}"])


def test_positions_are_interpolated_to_another_image_size(tmp_path: Path) -> None:
    source = TransUNet(1, SMALL, 32)  # 2 x 2 places
    with torch.no_grad():
        row, column = torch.tensor([0.0, 0, 1, 1]), torch.tensor([0.0, 1, 0, 1])
        source.encoder.positions[0] = (10 * row + column)[:, None]
    torch.save(source.state_dict(), tmp_path / "small.pt")
    network = TransUNet(1, SMALL, 64)  # 4 x 4
    initialise({"scar": network}, str(tmp_path / "small.pt"), tmp_path)
    places = network.encoder.positions[0, :, 5].reshape(4, 4)
    # Centres of the finer places lie at -1/4, 1/4, 3/4, 5/4 of the coarser; beyond 0 and 1 is flat.
    at = torch.tensor([0.0, 0.25, 0.75, 1.0])
    torch.testing.assert_close(places, 10 * at[:, None] + at)


def other(folder: Path) -> Path:
    torch.save(TransUNet(1, TINY, 32).state_dict(), folder / "tiny.pt")
    return folder / "tiny.pt"


def missing(folder: Path) -> Path:
    return folder / "missing.pt"


def text(folder: Path) -> Path:
    (folder / "text.pt").write_text("no weights")
    return folder / "text.pt"


def not_safe(folder: Path) -> Path:
    (folder / "text.safetensors").write_bytes(b"\xff" * 64)
    return folder / "text.safetensors"


def a_list(folder: Path) -> Path:
    torch.save([torch.ones(2)], folder / "list.pt")
    return folder / "list.pt"


def no_encoder(folder: Path) -> Path:
    torch.save(nn.Linear(2, 3).state_dict(), folder / "linear.pt")
    return folder / "linear.pt"


def too_many(folder: Path) -> Path:
    return own(folder, first=1, second=2)


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("hostile"),))


def pickled(folder: Path) -> Path:
    torch.save({"encoder.stem.weight": Hostile()}, folder / "hostile.pt")
    return folder / "hostile.pt"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing, r"there is no file .*missing\.pt"),
        (text, r"text\.pt holds no weights"),
        (not_safe, r"text\.safetensors holds no weights"),
        (pickled, r"hostile\.pt holds no weights"),
        (a_list, r"holds a list, not a table"),
        (no_encoder, r"linear\.pt has no encoder"),
        (too_many, r"has several encoders and none of 'scar'"),
        (other, r"tiny\.pt is not of this backbone: \d+ of \d+ weights differ, such as "),
    ],
)
def test_a_file_without_fitting_weights_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path)
    if path.suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="safetensors is not installed")
    network = TransUNet(1, SMALL, 32)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with pytest.raises(PluginError, match=message):
        initialise({"scar": network}, str(path), tmp_path)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert not (tmp_path / "hostile").exists()
    assert not (tmp_path / "initialisation.json").exists()


def test_weights_that_cannot_be_had_are_told_loudly_once_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unavailable() -> Path:
        raise UnavailableError("no network")

    monkeypatch.setattr(_pretrained, "published", unavailable)
    networks = {"myocardium": TransUNet(1, SMALL, 32), "scar": TransUNet(1, SMALL, 32)}
    initialise(networks, "imagenet21k", tmp_path)
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert said.name == "benchmark"
    for part in ("STARTS FROM RANDOM WEIGHTS", "no network", "not the paper's setting"):
        assert part in said.getMessage()
    done = json.loads((tmp_path / "initialisation.json").read_text())
    assert done == {"asked": "imagenet21k", "used": "random weights", "why": "no network"}


def test_published_weights_are_recorded_with_their_source_and_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = own(tmp_path, any=1)
    monkeypatch.setattr(_pretrained, "published", lambda: path)
    initialise({"scar": TransUNet(1, SMALL, 32)}, "imagenet21k", tmp_path)
    done = json.loads((tmp_path / "initialisation.json").read_text())
    assert done["from"] == "timm/vit_base_r50_s16_224.orig_in21k"
    assert done["used"] == "own.pt"
    assert not caplog.records


def test_whether_published_weights_can_be_had_is_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was trained from random weights where they could not is not taken for the paper's."""

    def unavailable() -> Path:
        raise UnavailableError("no network")

    method = JDL(**JDL.profiles["paper"])
    monkeypatch.setattr(_pretrained, "published", unavailable)
    assert method.files() == ()
    path = own(tmp_path, any=1)
    monkeypatch.setattr(_pretrained, "published", lambda: path)
    assert method.files() == (path,)
    monkeypatch.setattr(_pretrained, "published", lambda: pytest.fail("asked for weights"))
    assert JDL().files() == ()
    assert Otsu(myocardium="atlas", **JDL.profiles["paper"]).files() == ()


def test_none_asks_nobody_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pretrained, "published", lambda: pytest.fail("asked for weights"))
    initialise({"scar": TransUNet(1, SMALL, 32)}, "none", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert JDL().encoder_weights == "none"


class Hub(types.ModuleType):
    """A client of the hub that holds ``files`` and has ``cached`` some of them."""

    def __init__(self, folder: Path, files: Mapping[str, bool], offline: bool) -> None:
        super().__init__("huggingface_hub")
        self.folder, self.files = folder, files
        self.constants = types.SimpleNamespace(ENDPOINT="http://hub", HF_HUB_OFFLINE=offline)

    def try_to_load_from_cache(self, repository: str, file: str) -> str | None:
        assert repository == "timm/vit_base_r50_s16_224.orig_in21k"
        return str(self.folder / file) if self.files.get(file) else None

    def hf_hub_download(self, repository: str, file: str) -> str:
        if file not in self.files:
            raise LookupError(file)
        return str(self.folder / "fetched" / file)


@pytest.mark.parametrize(
    ("files", "answers", "expected"),
    [
        ({"model.safetensors": True}, False, "model.safetensors"),
        ({"pytorch_model.bin": True}, False, "pytorch_model.bin"),
        ({"model.safetensors": False}, True, "fetched/model.safetensors"),
        ({"pytorch_model.bin": False}, True, "fetched/pytorch_model.bin"),
        ({}, True, "timm/vit_base.*LookupError"),
        ({"model.safetensors": False}, False, "http://hub does not answer: Name or service"),
    ],
)
@pytest.mark.parametrize("offline", [False, True])
def test_published_weights_come_from_the_cache_then_the_hub_or_not_at_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: Mapping[str, bool],
    answers: bool,
    expected: str,
    offline: bool,
) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    from urllib.error import HTTPError, URLError

    def urlopen(request: Any, timeout: float) -> None:
        assert not offline, "asked though told to stay offline"
        assert timeout <= 10
        if answers:
            raise HTTPError("http://hub", 405, "no HEAD here", None, None)  # type: ignore[arg-type]
        raise URLError("Name or service not known")

    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub(tmp_path, files, offline))
    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    cached = any(files.values())
    if cached or (files and answers and not offline):
        assert published() == tmp_path / expected
    else:
        with pytest.raises(UnavailableError, match="HF_HUB_OFFLINE" if offline else expected):
            published()


@pytest.mark.parametrize("module", ["huggingface_hub", "safetensors"])
def test_without_a_client_the_reason_is_how_to_install_one(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UnavailableError, match=rf"{module}.*pip install 'scarbench\[weights\]'"):
        published()


def test_a_file_of_first_weights_is_part_of_the_key(tmp_path: Path) -> None:
    path = own(tmp_path, scar=1)
    assert list(Direct(encoder_weights=str(path)).files()) == [path]
    assert list(Otsu(encoder_weights=str(path)).files()) == [path]
    assert list(Direct(encoder_weights=str(tmp_path / "gone.pt")).files()) == []
    for source in ("none", "imagenet21k"):
        assert list(Direct(backbone="transunet", encoder_weights=source).files()) == []


def test_a_network_trained_here_can_be_the_start_of_another(tmp_path: Path) -> None:
    from benchmark.contract import made_case
    from benchmark.plugins import TrainContext

    small = {"size": 32, "pixel_mm": 3.0, "epochs": 1, "batch": 8}
    for name in ("first", "second", "scratch1", "scratch2"):
        (tmp_path / name).mkdir()
    case = made_case()
    Direct(**small).train([case], TrainContext(tmp_path / "first", tmp_path / "scratch1"))
    path = tmp_path / "first" / "model.pt"
    assert not (tmp_path / "first" / "initialisation.json").exists()
    # A rate of nearly nothing: the second ends where it began.
    second = Direct(**small, encoder_weights=str(path), learning_rate=1e-12, weight_decay=0)
    second.train([case], TrainContext(tmp_path / "second", tmp_path / "scratch2", seed=5))
    one = torch.load(path, weights_only=True)
    two = torch.load(tmp_path / "second" / "model.pt", weights_only=True)
    assert one.keys() == two.keys()
    for key in one:
        # What batch normalisation has seen goes on.
        if key.startswith("scar.encoder.") and "running" not in key and "tracked" not in key:
            np.testing.assert_allclose(two[key], one[key], atol=1e-6)
    assert (
        json.loads((tmp_path / "second" / "initialisation.json").read_text())["used"] == path.name
    )


def test_a_training_that_goes_on_tells_what_it_began_with(tmp_path: Path) -> None:
    from benchmark.contract import made_case
    from benchmark.plugins import TrainContext

    small = {"size": 32, "pixel_mm": 3.0, "epochs": 2, "batch": 8}
    folder, scratch = tmp_path / "model", tmp_path / "scratch"
    case, path = made_case(), tmp_path / "first" / "model.pt"
    Direct(**small).train([case], TrainContext(path.parent, tmp_path / "other"))
    method = Direct(**small, encoder_weights=str(path))

    def report(step: int, of: int, values: Mapping[str, float]) -> None:
        if step == of:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        method.train([case], TrainContext(folder, scratch, report=report))
    began = (folder / "initialisation.json").read_text()
    assert json.loads(began)["used"] == "model.pt"
    shutil.rmtree(folder)  # as the engine does before a training goes on
    path.unlink()  # by now it could not be had
    method.train([case], TrainContext(folder, scratch))
    assert (folder / "initialisation.json").read_text() == began
