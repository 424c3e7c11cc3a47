"""Real files among the bodies of uploads: of random bytes none is a picture."""

import os
import pathlib

import schemathesis
from hypothesis import strategies as st

FOLDER = pathlib.Path(os.environ["SLUICEGATE_FIXTURES"])
NAMES = ["photo.png", "photo.webp", "truncated.jpg", "text-named.jpg", "animated.png", "huge.png"]
FILES = [(FOLDER / name).read_bytes() for name in NAMES]

schemathesis.openapi.media_type(
    "application/octet-stream", st.one_of(st.sampled_from(FILES), st.binary(max_size=2048))
)
