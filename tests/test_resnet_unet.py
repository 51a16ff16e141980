"""The networks of mapping2023: what they count and compute, and where first weights come from."""

from __future__ import annotations

import json
import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmark.errors import PluginError
from benchmark.methods import _mapping_weights
from benchmark.methods._mapping_unet import PlainUNet, build
from benchmark.methods._mapping_weights import RECORD, encoder_state, initialise, published
from benchmark.methods._networks import parameter_count
from benchmark.methods._pretrained import UnavailableError
from benchmark.methods._resnet_unet import DEPTHS, MEAN, SPREAD, ResNetEncoder, ResNetUNet
from benchmark.methods._weights import save_atomically

_DECLARED: list[object] = []  # a declaration ends with the object that made it


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d)]


def tiny(width: int = 8) -> ResNetUNet:
    network = build("tiny_resnet", width)
    assert isinstance(network, ResNetUNet)
    return network


def varied(network: nn.Module) -> nn.Module:
    """With norms that do something: their weights are 1 and biases 0, and a mistake would pass."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.ndim == 1:
                value.add_(0.1 * torch.rand_like(value))
    return network.eval()


def test_the_network_has_the_papers_32_million_parameters() -> None:
    with torch.device("meta"):
        network = ResNetUNet()
        colours = ResNetUNet(classes=1, inputs=3)
    assert parameter_count(network) == 32_515_123
    # segmentation_models.pytorch's Unet("resnet50") for pictures and one class.
    assert parameter_count(colours) == 32_521_105
    # torchvision's resnet50 has 25,557,032, of which 2,049,000 classify; two colours are not here.
    assert parameter_count(network.encoder) == 25_557_032 - 2_049_000 - 2 * 64 * 49


def test_the_convolutions_are_those_that_the_text_counts() -> None:
    with torch.device("meta"):
        network = ResNetUNet()
    encoder = convolutions(network.encoder)
    shortcuts = [m.downsample for m in network.encoder.modules() if hasattr(m, "downsample")]
    assert len(encoder) - sum(s is not None for s in shortcuts) == 49
    assert [len(convolutions(block)) for block in network.decoder] == [2] * 5
    joined = [convolutions(block)[0].in_channels for block in network.decoder]
    assert joined == [2048 + 1024, 256 + 512, 128 + 256, 64 + 64, 32]
    last = parameter_count(network.decoder[-1]) + parameter_count(network.head)
    assert last == 7_411


def test_the_plain_unet_has_the_papers_31_million_parameters() -> None:
    with torch.device("meta"):
        network = PlainUNet()
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert parameter_count(network) == 31_042_499
    assert sum(parameter_count(m) for m in norms) == 11_776
    # 23 convolutions: its own paper, section 2.
    ups = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert len(convolutions(network)) + len(ups) == 23


@pytest.mark.parametrize(("encoder", "size"), [("tiny_resnet", 64), ("unet", 48)])
def test_the_answer_has_the_size_of_the_image_and_three_classes(encoder: str, size: int) -> None:
    network = build(encoder, 8).eval()
    with torch.no_grad():
        answer = network(torch.rand(2, 1, size, size))
    assert answer.shape == (2, 3, size, size)
    assert answer.dtype == torch.float32


def test_every_level_of_the_encoder_has_half_the_size_and_reaches_the_answer() -> None:
    network = tiny()
    images = torch.rand(2, 1, 64, 64)
    features = network.encoder(images)
    assert [tuple(f.shape[1:]) for f in features] == [
        (8, 32, 32), (32, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2)
    ]  # fmt: skip
    network(images).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def test_the_encoder_is_given_what_imagenets_weights_expect() -> None:
    network, seen = tiny().eval(), []
    network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.tensor([MEAN, MEAN + SPREAD]).view(2, 1, 1, 1).expand(2, 1, 32, 32))
    torch.testing.assert_close(seen[0][:, 0, 0, 0], torch.tensor([0.0, 1.0]))


def test_weights_are_drawn_from_torchs_generator() -> None:
    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in build("tiny_resnet", 4).parameters()])

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


@pytest.fixture(scope="module")
def timm() -> Any:
    """timm, beside a torchvision whose compiled operators may not load: see test_transunet."""
    if find_spec("timm") is None:
        pytest.skip("timm is not installed")
    if torch.__version__.endswith("+cpu") and "torchvision" not in sys.modules and not _DECLARED:
        library: Any = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(library)
    return pytest.importorskip("timm")


def test_a_state_dict_of_timms_resnet50_gives_the_features_that_timm_computes(
    timm: Any, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    theirs = varied(timm.create_model("resnet50"))
    path = tmp_path / "resnet50.pth"
    torch.save(theirs.state_dict(), path)
    network = ResNetUNet().eval()
    initialise(network, str(path), tmp_path)
    images = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        ours = network.encoder(images)
        grey = images.expand(-1, 3, -1, -1)  # a picture without colour
        x = theirs.get_submodule("bn1")(theirs.get_submodule("conv1")(grey)).relu()
        expected = [x]
        x = theirs.get_submodule("maxpool")(x)
        for i in range(1, 5):
            x = theirs.get_submodule(f"layer{i}")(x)
            expected.append(x)
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    done = json.loads((tmp_path / RECORD).read_text())
    assert (done["asked"], done["used"], len(done["sha256"])) == (str(path), path.name, 64)


def test_old_files_without_counters_of_batches_and_what_we_trained_are_read(tmp_path: Path) -> None:
    source = nn.ModuleDict({"layers": varied(tiny())})
    state = {k: v for k, v in source.state_dict().items() if not k.endswith("tracked")}
    save_atomically(state, tmp_path / "own.pt")
    network = tiny()
    head = network.head.weight.clone()
    initialise(network, str(tmp_path / "own.pt"), tmp_path)
    images = torch.rand(1, 1, 32, 32)
    trained = source["layers"]
    assert isinstance(trained, ResNetUNet)
    with torch.no_grad():
        assert torch.equal(network.eval().encoder(images)[-1], trained.encoder(images)[-1])
    assert torch.equal(network.head.weight, head)  # the way up is never pretrained


def test_colours_are_summed() -> None:
    encoder = ResNetEncoder(DEPTHS["tiny_resnet"], 4, inputs=3)
    ours = encoder_state({**encoder.state_dict(), "fc.weight": torch.ones(2)}, Path("x"))
    torch.testing.assert_close(ours["conv1.weight"][:, 0], encoder.conv1.weight.sum(dim=1))
    assert "fc.weight" not in ours


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"a": torch.ones(1)}, "no ResNet encoders"),
        (
            {**tiny(4).state_dict(), **{f"b.{k}": v for k, v in tiny(4).state_dict().items()}},
            "several ResNet encoders",
        ),
        (tiny(16).state_dict(), "is not of this encoder"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    state: dict[str, torch.Tensor], says: str, tmp_path: Path
) -> None:
    save_atomically(state, tmp_path / "wrong.pt")
    with pytest.raises(PluginError, match=says):
        initialise(tiny(8), str(tmp_path / "wrong.pt"), tmp_path)
    with pytest.raises(PluginError, match=r"no file .*gone\.pt"):
        initialise(tiny(8), str(tmp_path / "gone.pt"), tmp_path)


def test_published_weights_that_cannot_be_had_are_a_loud_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unavailable() -> Path:
        raise UnavailableError("no network")

    monkeypatch.setattr(_mapping_weights, "published", unavailable)
    network = tiny()
    before = network.encoder.conv1.weight.clone()
    with caplog.at_level(logging.WARNING, "benchmark"):
        initialise(network, "imagenet", tmp_path)
    assert "STARTS FROM RANDOM WEIGHTS" in caplog.text
    assert json.loads((tmp_path / RECORD).read_text()) == {
        "asked": "imagenet", "used": "random weights", "why": "no network"
    }  # fmt: skip
    assert torch.equal(network.encoder.conv1.weight, before)


def test_published_weights_are_used_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny()
    save_atomically(source.state_dict(), tmp_path / "published.pt")
    monkeypatch.setattr(_mapping_weights, "published", lambda: tmp_path / "published.pt")
    network = tiny()
    initialise(network, "imagenet", tmp_path)
    assert torch.equal(network.encoder.conv1.weight, source.encoder.conv1.weight)
    assert json.loads((tmp_path / RECORD).read_text())["from"] == "timm/resnet50.tv_in1k"


def test_without_a_network_nobody_waits_for_published_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnavailableError, match="HF_HUB_OFFLINE"):
        published()
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="does not answer"):
        published()


def test_none_touches_nothing_and_the_plain_unet_says_that_it_has_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    initialise(tiny(), "none", tmp_path)
    assert not (tmp_path / RECORD).exists()
    with caplog.at_level(logging.WARNING, "benchmark"):
        initialise(build("unet", 4), "imagenet", tmp_path)
    assert "no published weights" in caplog.text
    assert json.loads((tmp_path / RECORD).read_text())["used"] == "random weights"
