"""`fsampler queue` brings home all that a workflow saves, as real nodes of the core save it: videos, sound, latents."""

import io

import find
import pytest
from comfyui_fsampler.tools import cli
from graphs import sources
from PIL import Image
from queueing import graph, prompts

IMAGES, NAME = ["a picture ü decoded", 0], "vidéo 'a' <b>"
KINDS = {"moving": "webp", "video": "webm", "sound": "flac", "latents": "safetensors"}


def saving():
    """Two pictures a run, and all of the nodes that save something else."""
    return (
        graph()
        | sources(batch=2)
        | {
            "moving": {
                "class_type": "SaveAnimatedWEBP",
                "inputs": {
                    "images": IMAGES,
                    "filename_prefix": NAME,
                    "fps": 6.0,
                    "lossless": True,
                    "quality": 80,
                    "method": "default",
                },
            },
            "video": {
                "class_type": "SaveWEBM",
                "inputs": {
                    "images": IMAGES,
                    "filename_prefix": f"sub/{NAME}",
                    "codec": "vp9",
                    "fps": 24.0,
                    "crf": 32.0,
                },
            },
            "silence": {"class_type": "EmptyAudio", "inputs": {"duration": 0.5, "sample_rate": 44100, "channels": 2}},
            "sound": {"class_type": "SaveAudio", "inputs": {"audio": ["silence", 0], "filename_prefix": NAME}},
            "latents": {"class_type": "SaveLatent", "inputs": {"samples": ["sampler", 0], "filename_prefix": NAME}},
        }
    )


@pytest.fixture
def done(queue, server, capsys):
    assert queue(saving(), [server], seeds="1") == 0
    assert "3 pictures, 3 other files" in capsys.readouterr().err
    return queue


def test_every_file_is_here_as_the_server_has_it(done, server):
    for job in done.jobs().values():
        assert job["left"] == []
        assert sorted(image["node"] for image in job["images"]) == ["a picture ü", "a picture ü", "moving"]
        kept = {file["node"]: ("images", file) for file in job["images"]}
        kept |= {file["node"]: ("files", file) for file in job["files"]}
        for node, kind in KINDS.items():
            folder, file = kept[node]
            data = (done.out / folder / file["file"]).read_bytes()
            assert file["file"].endswith(f"_{node}_0.{kind}") and file["named"].startswith("vidéo")
            (listed,) = next(files for key, files in job["history"]["outputs"][node].items() if key != "animated")
            assert data == server.image(listed) and len(data) == file["bytes"] > 100
    moving = Image.open(io.BytesIO((done.out / "images/off_seed-1_moving_0.webp").read_bytes()))
    assert moving.n_frames == 2


def test_a_lost_file_is_made_again_and_what_is_whole_is_not(done, server):
    start = len(server.log())
    assert cli.main(done.arguments(saving(), [server], seeds="1")) == 0 and prompts(server, start) == 0
    (lost,) = (done.out / "files").glob("fast_seed-1_video*")
    lost.write_bytes(lost.read_bytes()[:50])
    assert cli.main(done.arguments(saving(), [server], seeds="1")) == 0 and prompts(server, start) == 1
    assert lost.stat().st_size > 100


@pytest.mark.skipif(find.chromium() is None, reason=find.HOW_BROWSER)
def test_the_page_has_links_to_them_that_open(browser, done):
    assert cli.main(["compare", str(done.out)]) == 0
    page = browser.new_context(offline=True).new_page()
    page.goto((done.out / "report.html").as_uri())
    links = page.locator("article ul.files a")
    texts = links.all_inner_texts()
    assert len(texts) == 2 * len(KINDS)
    assert sum("2 frames, of which the first is compared" in one for one in texts) == 2
    assert sum(one.startswith(NAME) and one.endswith(".webm of SaveWEBM video") for one in texts) == 2
    links.nth(next(at for at, one in enumerate(texts) if ".webm" in one)).click()
    page.wait_for_function("document.querySelector('video')?.videoWidth > 0")
