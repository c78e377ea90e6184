"""The Job that removes old report files from the reports volume."""

import structlog

from shop.reports import ALL, clean
from shop.settings import VolumeSettings

log = structlog.get_logger()


def run() -> None:
    """Clean once."""
    settings = VolumeSettings()
    directory = settings.reports_directory
    count, freed = clean(directory, settings.clean_keep_files, settings.clean_keep_bytes, ALL)
    log.info("volume cleaned", directory=str(directory), files=count, bytes=freed)
