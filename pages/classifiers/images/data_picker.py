"""The data of the page Images: handwritten digits, or CIFAR-10, which is downloaded on request."""

from typing import Any

import streamlit as st

from lmcore.data import cifar10
from lmcore.data.datasets import IMAGES, DataConfig, Dataset
from pages.classifiers import shared
from ui import address, download, forms, load
from ui.errors import Ended

TITLES = {"digits": "Handwritten digits, 8 × 8", "cifar-10": "CIFAR-10 photographs, 32 × 32"}


def pick(page: str, options: dict[str, Any], fixed: bool) -> tuple[DataConfig, Dataset]:
    """Widgets in the sidebar; returns the data that they describe.

    Args:
        page: prefix of the widget keys.
        options: as for `forms.form`.
        fixed: whether the data can no longer be changed.

    Raises:
        UserError: if the settings are not allowed.
        Ended: if the images must be downloaded first.
    """
    prefix = f"{page}_data"
    address.read_choice(f"{prefix}_source", IMAGES)
    with st.sidebar:
        source = st.selectbox(
            "Images",
            IMAGES,
            format_func=TITLES.__getitem__,
            key=f"{prefix}_source",
            disabled=fixed,
            persist_state="session",
        )
        fields = ["examples", *shared.SPLIT_FIELDS]
        values = forms.form(DataConfig, fields, prefix=prefix, **options, defaults={"examples": 2000})
    address.write(f"{prefix}_source", source, IMAGES[0], bound=not fixed)
    if source == "cifar-10" and not cifar10.ARCHIVE.is_downloaded:
        archive = cifar10.ARCHIVE
        description = (
            f"{archive.title}: 60,000 photographs in ten classes, {archive.size / 1e6:.0f} MB, for research and "
            f"teaching. If you already have {archive.filename}, put it into the data folder."
        )
        download.offer(archive, description, key=f"{page}.download")
        raise Ended
    config = DataConfig.parse(values | {"source": source})
    return config, load.dataset(config)
