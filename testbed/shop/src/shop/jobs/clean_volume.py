"""The Job that removes old report files from the reports volume."""

import structlog

from shop.reports import ANY_REPORT, clean
from shop.settings import VolumeSettings

log = structlog.get_logger()


def run() -> None:
    """Clean once."""
    settings = VolumeSettings()
    directory = settings.reports_directory
    bounds = settings.clean_keep_files, settings.clean_keep_bytes
    count, freed = clean(directory, *bounds, ANY_REPORT)
    log.info("volume cleaned", directory=str(directory), files=count, bytes=freed)
